import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { NextFunction, Request, Response } from 'express';
import { HttpProblem } from './problem';

/** Ids that are safe in logs, headers and URLs; anything else is replaced, not refused. */
const SANE_ID = /^[A-Za-z0-9._-]{1,128}$/;

/** The id of a request: its own X-Request-Id when sane, else a new one. */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && SANE_ID.test(given) ? given : randomUUID();
}

/** First middleware: gives the request its id, which the answer echoes. */
export function requestContext(request: Request, response: Response, next: NextFunction): void {
  const id = requestIdOf(request);
  response.locals['requestId'] = id;
  response.setHeader('x-request-id', id);
  next();
}

export function requestIdFrom(response: Response): string | null {
  const id: unknown = response.locals['requestId'];
  return typeof id === 'string' ? id : null;
}

/** Refuses requests without a Host, and URLs that cannot be decoded or hold a NUL, before any route sees them. */
export function checkUrl(request: Request, _response: Response, next: NextFunction): void {
  if (request.headers.host === undefined && request.httpVersion === '1.1') {
    throw new HttpProblem('malformed_request', 'The Host header is missing. Send it, as HTTP/1.1 demands.');
  }
  const url = request.url;
  if (url.includes('%')) {
    let decoded = '\0';
    try {
      decoded = decodeURIComponent(url);
    } catch {
      // Falls through to the same answer as a NUL: the URL is at fault either way.
    }
    if (decoded.includes('\0'))
      throw new HttpProblem('malformed_url', 'The URL has a bad percent-encoding. Encode it again.');
  }
  next();
}

const KEY_LIKE = /key|token|auth|secret|password/i;

/** Ingest routes take no query parameters. A key in a URL ends in logs and histories of every hop: it must be replaced. */
export function refuseQuery(request: Request, _response: Response, next: NextFunction): void {
  const mark = request.url.indexOf('?');
  if (mark >= 0 && mark < request.url.length - 1) {
    const names = [...new URLSearchParams(request.url.slice(mark + 1)).keys()];
    if (names.some((name) => KEY_LIKE.test(name))) {
      throw new HttpProblem(
        'key_in_url',
        'Keys are taken from the Authorization header only. Revoke this key, since URLs are logged, and use a new one there.',
      );
    }
    throw new HttpProblem('invalid_parameter', 'This route has no query parameters. Remove them.');
  }
  next();
}

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The request's W3C trace context when it is valid; a bad one is ignored, as the standard demands. */
export function traceparentOf(request: IncomingMessage): string | undefined {
  const value = request.headers['traceparent'];
  return typeof value === 'string' && TRACEPARENT.test(value) ? value : undefined;
}

const IDEMPOTENCY_KEY = /^[\x20-\x7e]{1,255}$/;

/** The Idempotency-Key header. Throws an HttpProblem when it is given but unusable. */
export function idempotencyKeyOf(request: IncomingMessage): string | undefined {
  const value = request.headers['idempotency-key'];
  if (value === undefined) return undefined;
  const count = request.rawHeaders.filter(
    (name, index) => index % 2 === 0 && name.toLowerCase() === 'idempotency-key',
  ).length;
  if (count !== 1) throw new HttpProblem('invalid_header', 'There are several Idempotency-Key headers. Send one.');
  if (typeof value !== 'string' || !IDEMPOTENCY_KEY.test(value)) {
    throw new HttpProblem(
      'invalid_header',
      'Idempotency-Key must be 1 to 255 printable ASCII characters. Use a UUID, for example.',
    );
  }
  return value;
}
