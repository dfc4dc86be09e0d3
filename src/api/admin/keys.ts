import { z } from 'zod';
import { createAdminKey, listAdminKeys, revokeAdminKey } from '../../postgres/admin-keys';
import type { AdminKey } from '../../postgres/admin-keys';
import { audited } from '../../postgres/audit';
import { ADMIN_SCOPES } from '../auth/admin';
import { HttpProblem } from '../http/problem';
import type { AdminContext } from './context';
import { existingTenant } from './context';
import { line, maybeWhyBody, moment, nextCursor, page, tenantName, timestamp, why } from './contract';
import { decodeCursor, encodeCursor } from './cursor';
import { route } from './route';
import type { AdminRoute } from './route';

const keyBody = z.strictObject({
  key_id: z.string(),
  label: z.string(),
  scopes: z.array(z.string()),
  tenant: z.string().nullable(),
  last_four: z.string(),
  created_at: z.string(),
  created_by: z.string(),
  expires_at: moment,
  revoked_at: moment,
  last_used_at: moment,
});
const keyId = z.string().regex(/^[0-9a-f]{12}$/, 'must be 12 hex digits');
const createBody = z.strictObject({
  label: line(100),
  scopes: z.array(z.enum(ADMIN_SCOPES)).min(1).max(ADMIN_SCOPES.length),
  tenant: tenantName.optional().meta({ description: 'the only tenant that the key may name' }),
  expires_at: timestamp.optional(),
  why: why.optional(),
});

/** Keys of the admin API itself. A key is in the answer that creates it and nowhere else. */
export function adminKeyRoutes(context: AdminContext): AdminRoute[] {
  return [
    route({
      id: 'createAdminKey',
      method: 'post',
      path: '/admin/keys',
      summary: 'Create an admin key, which is shown this once. Nobody can give rights that the own key lacks',
      scope: 'admin',
      reach: 'own',
      body: createBody,
      status: 201,
      answer: keyBody.extend({ key: z.string() }),
      async handle({ body, caller, tenant }) {
        const missing = body.scopes.find((scope) => !caller.scopes.includes(scope));
        if (missing !== undefined) {
          throw new HttpProblem(
            'forbidden',
            `Your own key lacks the scope "${missing}". Leave it out, or use a key that has it.`,
          );
        }
        if (body.expires_at !== undefined && Date.parse(body.expires_at) <= Date.now()) {
          throw new HttpProblem('invalid_body', 'expires_at is not in the future. Correct it, or leave it out.');
        }
        if (tenant !== null) await existingTenant(context, tenant);
        return audited(context.pool, async (client) => {
          const { key, stored } = await createAdminKey(client, {
            label: body.label,
            scopes: ADMIN_SCOPES.filter((scope) => body.scopes.includes(scope)),
            tenant,
            expiresAt: body.expires_at === undefined ? null : new Date(body.expires_at),
            createdBy: caller.by,
          });
          const after = toBody(stored);
          const named = { tenant, subject: stored.keyId, why: body.why ?? null };
          return {
            result: { ...after, key },
            entry: { actor: caller.by, action: 'admin_key.create', ...named, after },
          };
        });
      },
    }),
    route({
      id: 'listAdminKeys',
      method: 'get',
      path: '/admin/keys',
      summary: 'The admin keys, without their secrets',
      scope: 'admin',
      reach: 'own',
      query: z.strictObject({ tenant: tenantName.optional(), ...page }),
      answer: z.strictObject({ keys: z.array(keyBody), next: nextCursor }),
      async handle({ query, tenant }) {
        const limit = query.limit ?? 50;
        const [after = ''] = decodeCursor(z.tuple([keyId]), query.cursor) ?? [];
        const keys = await listAdminKeys(context.pool, { tenant, after, limit });
        const last = keys.length < limit ? undefined : keys.at(-1);
        return { keys: keys.map(toBody), next: last === undefined ? null : encodeCursor([last.keyId]) };
      },
    }),
    route({
      id: 'revokeAdminKey',
      method: 'delete',
      path: '/admin/keys/{id}',
      summary: 'Revoke an admin key; it stops working at once',
      scope: 'admin',
      reach: 'own',
      params: z.strictObject({ id: keyId }),
      body: maybeWhyBody,
      bodyOptional: true,
      status: 204,
      answer: z.null(),
      handle: ({ params, body, caller, tenant }) =>
        audited(context.pool, async (client) => {
          const revoked = await revokeAdminKey(client, params.id, tenant);
          if (revoked === null)
            throw new HttpProblem('not_found', 'There is no such admin key. List the keys to see their ids.');
          const { before, after } = revoked;
          const named = { tenant: after.tenant, subject: after.keyId, why: body.why ?? null };
          const change = { before: toBody(before), after: toBody(after) };
          return { result: null, entry: { actor: caller.by, action: 'admin_key.revoke', ...named, ...change } };
        }),
    }),
  ];
}

function toBody(key: AdminKey): z.input<typeof keyBody> {
  return {
    key_id: key.keyId,
    label: key.label,
    scopes: [...key.scopes],
    tenant: key.tenant,
    last_four: key.lastFour,
    created_at: key.createdAt.toISOString(),
    created_by: key.createdBy,
    expires_at: key.expiresAt?.toISOString() ?? null,
    revoked_at: key.revokedAt?.toISOString() ?? null,
    last_used_at: key.lastUsedAt?.toISOString() ?? null,
  };
}
