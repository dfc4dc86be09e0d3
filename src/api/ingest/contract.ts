import { z } from 'zod';
import { EVENT_LIMITS, RESERVED_HEADERS, RESERVED_HEADER_PREFIXES, TOPIC_PATTERN } from '../../domain/event';

/**
 * The event as callers send it. Strict: an unknown field is a typing mistake (`dedupe_key`, `partitionKey`) whose effect the
 * caller would miss silently. NULs and lone surrogates are excluded before, for the whole body.
 */

/** The same rules as the SQL functions have: lengths in characters (code points), any characters but NUL. */
function line(max: number): z.ZodString {
  return z
    .string()
    .min(1, 'must not be empty; leave the field out instead')
    .refine(atMost(max), `must have at most ${max} characters`);
}

function atMost(max: number): (value: string) => boolean {
  return (value) => value.length <= max || (value.length <= 2 * max && [...value].length <= max);
}

// zod leaves an own "__proto__" out of records silently, hence refused before. It would not survive every copy that a consumer
// makes of its headers either.
const noProto = z
  .unknown()
  .refine((value) => typeof value !== 'object' || value === null || !Object.hasOwn(value, '__proto__'), {
    message: 'must not have the name __proto__',
  });
const record = z
  .record(
    z.string(),
    z
      .string()
      .refine(atMost(EVENT_LIMITS.headerValueLength), `must have at most ${EVENT_LIMITS.headerValueLength} characters`),
  )
  .superRefine((value, context) => {
    const names = Object.keys(value);
    if (names.length > EVENT_LIMITS.headerCount) {
      context.addIssue({ code: 'custom', message: `must have at most ${EVENT_LIMITS.headerCount} entries` });
      return;
    }
    for (const name of names) {
      const message = headerNameProblem(name);
      if (message !== null) context.addIssue({ code: 'custom', path: [name], message });
    }
  });
const headers = noProto.pipe(record);

export const eventContract = z.strictObject({
  topic: z
    .string()
    .regex(TOPIC_PATTERN, 'must be 1 to 249 letters, digits, ".", "_" or "-"')
    .refine((topic) => topic !== '.' && topic !== '..', 'must not be "." or ".."'),
  type: line(EVENT_LIMITS.typeLength),
  key: line(EVENT_LIMITS.keyLength).optional(),
  dedupeKey: line(EVENT_LIMITS.dedupeKeyLength).optional(),
  headers: headers.optional(),
  payload: z.unknown().optional(),
  payloadBase64: z.string().optional(),
  contentType: line(EVENT_LIMITS.contentTypeLength).optional(),
  tombstone: z.literal(true, 'must be true; leave the field out otherwise').optional(),
});

export type EventBody = z.output<typeof eventContract>;

function headerNameProblem(name: string): string | null {
  if (name.length > EVENT_LIMITS.headerNameLength)
    return `has a name of more than ${EVENT_LIMITS.headerNameLength} characters`;
  const lower = name.toLowerCase();
  const reserved =
    RESERVED_HEADERS.includes(lower) || RESERVED_HEADER_PREFIXES.some((prefix) => lower.startsWith(prefix));
  if (reserved) return 'has a reserved name; choose another';
  return null;
}
