import { errorMessage } from '../domain/errors';

/** An answer of the admin API that is no success, or none at all. */
export class AdminError extends Error {
  constructor(
    message: string,
    /** True when the API could not be reached or could not work; trying again may help. */
    readonly unavailable: boolean,
    /** The problem's stable code; null if the answer was no problem document. */
    readonly code: string | null = null,
  ) {
    super(message);
    this.name = 'AdminError';
  }
}

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

export interface AdminClient {
  /** Sends a request and returns the parsed answer, null if it has none. Throws an AdminError. */
  request(method: Method, path: string, body?: unknown): Promise<unknown>;
  /** The service's clock, whole seconds; this machine's own may be wrong. */
  now(): Promise<Date>;
}

/** Longer than the service itself waits for Postgres, Kafka or Temporal before it answers 503. */
const TIMEOUT_MS = 30_000;

/** A client of the admin API; the key goes into the header of every request and nowhere else. */
export function adminClient(url: string, key: string, stop?: AbortSignal): AdminClient {
  const base = url.replace(/\/+$/, '');
  const signal = (): AbortSignal => {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    return stop === undefined ? timeout : AbortSignal.any([stop, timeout]);
  };
  const send = async (method: Method, path: string, body?: unknown): Promise<Response> => {
    try {
      return await fetch(base + path, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: body === undefined ? null : JSON.stringify(body),
        // A redirect would carry the key to wherever it points.
        redirect: 'error',
        signal: signal(),
      });
    } catch (error) {
      throw unreachable(base, error);
    }
  };
  return {
    async request(method, path, body) {
      const response = await send(method, path, body);
      let text: string;
      try {
        text = await response.text();
      } catch (error) {
        throw unreachable(base, error);
      }
      if (!response.ok) throw problem(response.status, text);
      return text === '' ? null : document(text, base);
    },
    async now() {
      const response = await send('GET', '/livez');
      await response.body?.cancel();
      const date = Date.parse(response.headers.get('date') ?? '');
      if (Number.isNaN(date)) throw notTheApi(base);
      return new Date(date);
    },
  };
}

function unreachable(base: string, error: unknown): AdminError {
  const cause = error instanceof Error && error.cause !== undefined ? `: ${errorMessage(error.cause)}` : '';
  const text = `${base} does not answer (${errorMessage(error)}${cause}). Check OUTBOX_ADMIN_URL and that the api runs.`;
  return new AdminError(text, true);
}

function notTheApi(base: string): AdminError {
  return new AdminError(`What answers at ${base} is not the admin API. Check OUTBOX_ADMIN_URL.`, false);
}

function problem(status: number, text: string): AdminError {
  const unavailable = status >= 500;
  const answer = parse(text);
  if (typeof answer !== 'object' || answer === null || !('detail' in answer)) {
    return new AdminError(`The admin API answered ${status}. Check OUTBOX_ADMIN_URL.`, unavailable);
  }
  const errors: unknown = 'errors' in answer ? answer.errors : [];
  const lines = Array.isArray(errors)
    ? errors.map(
        (error: { pointer?: unknown; detail?: unknown }) => `  ${String(error.pointer)} ${String(error.detail)}`,
      )
    : [];
  const code = 'code' in answer ? String(answer.code) : null;
  return new AdminError([String(answer.detail), ...lines].join('\n'), unavailable, code);
}

/** A success that is no JSON comes from something else: a proxy's page must not pass for "nothing found". */
function document(text: string, base: string): unknown {
  const value = parse(text);
  if (value === undefined) throw notTheApi(base);
  return value;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
