import type { ServerResponse } from 'node:http';

/** The closed list of problems (RFC 9457). Codes are stable; `docs/api.md` explains each. */
export const PROBLEMS = {
  malformed_request: { status: 400, title: 'The request is not well-formed HTTP' },
  malformed_url: { status: 400, title: 'The URL is not well-formed' },
  malformed_json: { status: 400, title: 'The body is not well-formed JSON' },
  malformed_text: { status: 400, title: 'The body has text that cannot be stored' },
  invalid_header: { status: 400, title: 'A request header is not valid' },
  invalid_parameter: { status: 400, title: 'A parameter is not valid' },
  key_in_url: { status: 400, title: 'A key does not belong in a URL' },
  unauthenticated: { status: 401, title: 'The key is missing or not valid' },
  forbidden: { status: 403, title: 'The key does not allow this' },
  not_found: { status: 404, title: 'There is no such thing' },
  method_not_allowed: { status: 405, title: 'The method is not allowed here' },
  request_timeout: { status: 408, title: 'The request took too long to arrive' },
  already_exists: { status: 409, title: 'It exists already' },
  conflict: { status: 409, title: 'The present state does not allow it' },
  body_too_large: { status: 413, title: 'The body is too large' },
  batch_too_large: { status: 413, title: 'The batch has too many events' },
  payload_too_large: { status: 413, title: 'A payload is too large' },
  unsupported_media_type: { status: 415, title: 'The body has an unsupported form' },
  invalid_event: { status: 422, title: 'The event is not valid' },
  invalid_body: { status: 422, title: 'The body is not valid' },
  topic_not_allowed: { status: 422, title: 'The topic is not allowed' },
  dedupe_key_mismatch: { status: 422, title: 'Idempotency-Key and dedupeKey differ' },
  dedupe_conflict: { status: 422, title: 'The dedupe key was used for another event' },
  rate_limited: { status: 429, title: 'The tenant sends too many events' },
  backlog_full: { status: 429, title: 'Too many events of the tenant wait' },
  headers_too_large: { status: 431, title: 'The request headers are too large' },
  internal: { status: 500, title: 'The service failed' },
  unavailable: { status: 503, title: 'The service cannot do this now' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof PROBLEMS;

/** One mistake, at a JSON pointer into the body. */
export interface FieldError {
  readonly pointer: string;
  readonly detail: string;
}

export interface ProblemOptions {
  readonly errors?: readonly FieldError[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** Thrown to answer a request with a problem document. `detail` ends with the remedy. */
export class HttpProblem extends Error {
  readonly code: ProblemCode;
  readonly errors: readonly FieldError[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'HttpProblem';
    this.code = code;
    this.errors = options.errors;
    this.headers = options.headers ?? {};
  }

  get status(): number {
    return PROBLEMS[this.code].status;
  }
}

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** The document itself; `instance` is the request id. */
export function problemBody(problem: HttpProblem, requestId: string | null): string {
  return JSON.stringify({
    type: `urn:temporal-outbox:problem:${problem.code}`,
    title: PROBLEMS[problem.code].title,
    status: problem.status,
    detail: problem.message,
    ...(requestId === null ? {} : { instance: requestId }),
    code: problem.code,
    ...(problem.errors === undefined ? {} : { errors: problem.errors }),
  });
}

/**
 * Answers with the problem. Node reads and drops what is left of the body (bounded by requestTimeout): closing at once would
 * reset the connection under a client that is still sending, which then never sees the answer.
 */
export function sendProblem(response: ServerResponse, problem: HttpProblem, requestId: string | null): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = problemBody(problem, requestId);
  for (const [name, value] of Object.entries(problem.headers)) response.setHeader(name, value);
  response.writeHead(problem.status, { 'content-type': PROBLEM_TYPE, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
