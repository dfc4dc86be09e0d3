import type { Request } from 'express';
import type { z } from 'zod';
import { bodyBytes } from '../http/body';
import { HttpProblem } from '../http/problem';
import { fieldErrors } from '../ingest/event';
import { parseJsonBody } from '../json/body';

/** Parts of a request against a route's contracts. Each throws an HttpProblem that names the mistake. */

export function parseParams(contract: z.ZodObject | undefined, request: Request): unknown {
  if (contract === undefined) return {};
  const result = contract.safeParse({ ...request.params });
  if (result.success) return result.data;
  const names = [...new Set(result.error.issues.map((issue) => String(issue.path[0])))].join(', ');
  throw new HttpProblem('invalid_parameter', `A part of the URL is not valid: ${names}. Correct it.`, {
    errors: fieldErrors(result.error, ''),
  });
}

const KEY_LIKE = /token|auth|secret|password|^(api_?|admin_?)?key$/i;

/** Each parameter once, none that the route does not have. */
export function parseQuery(contract: z.ZodObject | undefined, request: Request): unknown {
  const mark = request.url.indexOf('?');
  const given = new URLSearchParams(mark < 0 ? '' : request.url.slice(mark + 1));
  const names = [...given.keys()];
  const known = Object.keys(contract?.shape ?? {});
  for (const name of names) {
    if (known.includes(name)) continue;
    if (KEY_LIKE.test(name)) {
      throw new HttpProblem(
        'key_in_url',
        'Keys are taken from the Authorization header only. Revoke this key, since URLs are logged, and use a new one there.',
      );
    }
    const list =
      known.length === 0 ? 'no query parameters. Remove them' : `the parameters ${known.join(', ')}. Use those`;
    throw new HttpProblem('invalid_parameter', `This route has ${list}.`);
  }
  if (new Set(names).size !== names.length) {
    throw new HttpProblem('invalid_parameter', 'A parameter is given twice. Give it once.');
  }
  const result = contract?.safeParse(Object.fromEntries(given)) ?? { success: true as const, data: {} };
  if (result.success) return result.data;
  const [first] = result.error.issues;
  throw new HttpProblem(
    'invalid_parameter',
    `Parameter ${String(first?.path[0] ?? '')} is not valid: ${first?.message ?? ''}. Correct it.`,
    { errors: fieldErrors(result.error, '') },
  );
}

export function parseBody(contract: z.ZodType | undefined, optional: boolean, request: Request): unknown {
  const bytes = bodyBytes(request);
  if (contract === undefined) {
    if (bytes.length === 0) return undefined;
    throw new HttpProblem('invalid_body', 'This route takes no body. Send it without.');
  }
  const result = contract.safeParse(bytes.length === 0 && optional ? {} : parseJsonBody(bytes, 1).value);
  if (result.success) return result.data;
  throw new HttpProblem('invalid_body', 'The body breaks the contract. Correct the fields listed in errors.', {
    errors: fieldErrors(result.error, ''),
  });
}
