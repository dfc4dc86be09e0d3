import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { raw } from 'express';
import { HttpProblem } from './problem';

/** Media types that a route accepts, by the word that handlers get. */
export type BodyForm = 'json' | 'ndjson';

const FORMS: Readonly<Record<BodyForm, string>> = { json: 'application/json', ndjson: 'application/x-ndjson' };

/** The form of the body by its Content-Type; charset may only be utf-8. Throws an HttpProblem. */
export function bodyForm(request: Request, accepted: readonly BodyForm[]): BodyForm {
  const header = request.headers['content-type'];
  if (header === FORMS.json && accepted.includes('json')) return 'json';
  const [type, ...parameters] = (header ?? '').split(';').map((part) => part.trim().toLowerCase());
  const form = accepted.find((candidate) => FORMS[candidate] === type);
  const charsetOk = parameters.every((parameter) => /^(charset="?utf-8"?)?$/.test(parameter));
  if (form !== undefined && charsetOk) return form;
  const list = accepted.map((candidate) => FORMS[candidate]).join(' or ');
  throw new HttpProblem(
    'unsupported_media_type',
    `The Content-Type must be ${list}, in UTF-8. Set it, and encode the body so.`,
  );
}

/** Reads the body as bytes. Compressed bodies are refused: inflating them is work that an attacker gets for free. */
export function rawBody(limit: number): RequestHandler {
  return raw({ type: () => true, limit, inflate: false });
}

/** The bytes that `rawBody` read. */
export function bodyBytes(request: Request): Buffer {
  const body: unknown = request.body;
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
}

/** Refuses unsupported forms before a byte of the body is read. */
export function requireForm(...accepted: readonly BodyForm[]): RequestHandler {
  return (request: Request, response: Response, next: NextFunction) => {
    response.locals['form'] = bodyForm(request, accepted);
    next();
  };
}

/** An error of the body reader as a problem, or null if it is none. */
export function bodyProblem(error: unknown): HttpProblem | null {
  if (typeof error !== 'object' || error === null || !('type' in error)) return null;
  const limit = 'limit' in error ? ` of ${String(error.limit)} bytes` : '';
  switch (error.type) {
    case 'entity.too.large':
      return new HttpProblem('body_too_large', `The body exceeds the limit${limit}. Send smaller or fewer events.`);
    case 'encoding.unsupported':
      return new HttpProblem(
        'unsupported_media_type',
        'Compressed bodies are not accepted. Send the body without Content-Encoding.',
      );
    case 'request.size.invalid':
    case 'request.aborted':
      return new HttpProblem(
        'malformed_request',
        'The body is shorter or longer than announced. Send it again completely.',
      );
    default:
      return null;
  }
}
