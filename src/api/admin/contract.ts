import { z } from 'zod';
import { TENANT_PATTERN } from '../../domain/event';
import { SCOPES } from '../ports';

/** Pieces of the admin API's contracts. snake_case, strict. */

const MAX_ID = 9_223_372_036_854_775_807n;
/** ISO-8601 that Date and Postgres both can hold. */
const END_OF_YEAR_9999 = 253_402_300_799_999;

export const tenantName = z
  .string()
  .regex(TENANT_PATTERN, 'must be 1 to 100 letters, digits, ".", "_" or "-", and start with a letter or digit')
  // `.` and `..` cannot match; a name of dots alone could still climb up in a file path of somebody's tool.
  .refine((name) => !name.includes('..'), 'must not contain ".."');

export const tenantParams = z.strictObject({ tenant: tenantName });

/** A text of one line, as an operator types it. */
export function line(max: number): z.ZodString {
  return z
    .string()
    .min(1, 'must not be empty')
    .max(max)
    .refine((text) => !/\p{Cc}/u.test(text), 'must not have control characters');
}

/** Why a change was made: for the audit and for whoever finds it at night. */
export const why = line(500);
export const whyBody = z.strictObject({ why });
/** Where a reason is welcome, not required. */
export const maybeWhyBody = z.strictObject({ why: why.optional() });

const decimalId = z
  .string()
  .regex(/^[1-9]\d{0,18}$/, 'must be a whole number in decimal digits')
  .refine((id) => !/^[1-9]\d{0,18}$/.test(id) || BigInt(id) <= MAX_ID, 'is larger than any id');

/** In URLs and answers ids are decimal strings. */
export const idParam = decimalId;

/** In bodies numbers are taken too, up to 2^53 - 1: beyond, JSON readers round, and another event would be meant. */
export const eventId = z.union([
  decimalId,
  z
    .int('must be a whole number below 2^53; write larger ids as strings')
    .min(1)
    .transform((id) => String(id)),
]);

export const timestamp = z.iso
  .datetime({ offset: true, message: 'must be an ISO-8601 time with Z or an offset' })
  .refine((text) => Date.parse(text) >= 0 && Date.parse(text) <= END_OF_YEAR_9999, 'must be from 1970 to 9999')
  // Postgres takes fewer offsets than ISO-8601 has: all times go on in UTC.
  .transform((text) => new Date(text).toISOString());

/** Query parameters are text: a number in decimal digits, within bounds. */
export function numberParam(min: number, max: number): z.ZodType<number, string> {
  return z
    .string()
    .regex(/^\d{1,9}$/, `must be a number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be a number from ${min} to ${max}`);
}

export const flagParam = z.enum(['true', 'false']).transform((text) => text === 'true');

export const limitParam = numberParam(1, 500).optional();
export const cursorParam = z.string().min(1).max(1_000).optional();
/** What every list takes. */
export const page = { limit: limitParam, cursor: cursorParam };

/** Null or an ISO-8601 time, in answers. */
export const moment = z.string().nullable();
export const nextCursor = z.string().nullable();
/** Exact, or capped. */
export const count = z.strictObject({ count: z.number(), exact: z.boolean() });

export const createTenantContract = z.strictObject({ name: tenantName, why: why.optional() });

/** The audit names commands to workflows by `temporal:` and who they say sent them. */
const keyLabel = line(100).refine((label) => !label.startsWith('temporal:'), {
  message: 'must not begin with "temporal:", which the audit says of commands to workflows',
});

export const createKeyContract = z.strictObject({
  label: keyLabel.optional(),
  scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length).optional(),
  why: why.optional(),
});
