import { errorMessage } from '../domain/errors';

/** An answer of the admin API that is no success, or none at all. */
export class AdminError extends Error {
  constructor(
    message: string,
    /** True when the API could not be reached or could not work; trying again may help. */
    readonly unavailable: boolean,
  ) {
    super(message);
    this.name = 'AdminError';
  }
}

export interface AdminClient {
  /** Sends a request and returns the parsed answer, null if it has none. Throws an AdminError. */
  request(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown>;
}

const TIMEOUT_MS = 15_000;

/** A client of the admin API; the key goes into the header of every request and nowhere else. */
export function adminClient(url: string, key: string): AdminClient {
  const base = url.replace(/\/+$/, '');
  return {
    async request(method, path, body) {
      let response: Response;
      try {
        response = await fetch(base + path, {
          method,
          headers: {
            authorization: `Bearer ${key}`,
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          body: body === undefined ? null : JSON.stringify(body),
          // A redirect would carry the key to wherever it points.
          redirect: 'error',
          signal: AbortSignal.timeout(TIMEOUT_MS),
        });
      } catch (error) {
        const cause = error instanceof Error && error.cause !== undefined ? `: ${errorMessage(error.cause)}` : '';
        throw new AdminError(
          `${base} does not answer (${errorMessage(error)}${cause}). Check OUTBOX_ADMIN_URL and that the api runs.`,
          true,
        );
      }
      const text = await response.text();
      if (!response.ok) throw new AdminError(problemText(response.status, text), response.status >= 500);
      return text === '' ? null : parse(text);
    },
  };
}

function problemText(status: number, text: string): string {
  const problem = parse(text);
  if (typeof problem !== 'object' || problem === null || !('detail' in problem)) {
    return `The admin API answered ${status}. Check OUTBOX_ADMIN_URL.`;
  }
  const errors: unknown = 'errors' in problem ? problem.errors : [];
  const lines = Array.isArray(errors)
    ? errors.map(
        (error: { pointer?: unknown; detail?: unknown }) => `  ${String(error.pointer)} ${String(error.detail)}`,
      )
    : [];
  return [String(problem.detail), ...lines].join('\n');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
