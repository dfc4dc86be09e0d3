import { z } from 'zod';
import { TENANT_PATTERN } from '../../domain/event';
import { SCOPES } from '../ports';

/** Bodies of the admin API. snake_case, strict. */

export const tenantName = z
  .string()
  .regex(TENANT_PATTERN, 'must be 1 to 100 letters, digits, ".", "_" or "-", and start with a letter or digit')
  // `.` and `..` cannot match; a name of dots alone could still climb up in a file path of somebody's tool.
  .refine((name) => !name.includes('..'), 'must not contain ".."');

export const createTenantContract = z.strictObject({ name: tenantName });

export const createKeyContract = z.strictObject({
  label: z
    .string()
    .min(1)
    .max(100)
    .refine((label) => !/\p{Cc}/u.test(label), 'must not have control characters')
    .optional(),
  scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length).optional(),
});
