import { z } from 'zod';
import { audited } from '../../postgres/audit';
import { createKey, listKeys, revokeKey } from '../../postgres/keys';
import type { ApiKey } from '../../postgres/keys';
import { createTenant, listTenants } from '../../postgres/tenants';
import { HttpProblem } from '../http/problem';
import { SCOPES } from '../ports';
import type { AdminContext } from './context';
import { existingTenant } from './context';
import {
  createKeyContract,
  createTenantContract,
  maybeWhyBody,
  moment,
  numberParam,
  tenantName,
  tenantParams,
} from './contract';
import { route } from './route';
import type { AdminRoute } from './route';

const keyBody = z.strictObject({
  key_id: z.string(),
  tenant: z.string(),
  label: z.string().nullable(),
  scopes: z.array(z.string()),
  last_four: z.string(),
  created_at: z.string(),
  expires_at: moment,
  revoked_at: moment,
  last_used_at: moment,
});

const PAGE = 200;

/** Tenants and the keys with which they enqueue. A key is in the answer that creates it and nowhere else. */
export function tenantRoutes(context: AdminContext): AdminRoute[] {
  const { pool } = context;
  return [
    route({
      id: 'createTenant',
      method: 'post',
      path: '/admin/tenants',
      summary: 'Create a tenant with a first key, which is shown this once',
      scope: 'admin',
      reach: 'all',
      body: createTenantContract,
      status: 201,
      answer: z.strictObject({ tenant: z.string(), key: z.string(), key_id: z.string() }),
      handle: ({ body, caller }) =>
        audited(pool, async (client) => {
          const { name } = body;
          if (!(await createTenant(client, name))) {
            throw new HttpProblem(
              'already_exists',
              `Tenant ${name} exists. Create another key for it, or choose another name.`,
            );
          }
          const { key, stored } = await createKey(client, name, { scopes: SCOPES, label: null });
          const entry = { actor: caller.by, action: 'tenant.create', tenant: name, why: body.why ?? null };
          const result = { tenant: name, key, key_id: stored.keyId };
          return { result, entry: { ...entry, after: { key_id: stored.keyId } } };
        }),
    }),
    route({
      id: 'listTenants',
      method: 'get',
      path: '/admin/tenants',
      summary: 'Tenants by name; "next" goes into "after"',
      scope: 'read',
      reach: 'own',
      query: z.strictObject({ after: tenantName.optional(), limit: numberParam(1, PAGE).optional() }),
      answer: z.strictObject({
        tenants: z.array(z.strictObject({ tenant: z.string(), status: z.string(), created_at: z.string() })),
        next: z.string().nullable(),
      }),
      async handle({ query, tenant }) {
        const limit = query.limit ?? PAGE;
        const tenants =
          tenant === null
            ? await listTenants(pool, { after: query.after ?? '', limit })
            : [await existingTenant(context, tenant)].filter((own) => own.tenant > (query.after ?? ''));
        return {
          next: tenants.length < limit ? null : (tenants.at(-1)?.tenant ?? null),
          tenants: tenants.map((found) => ({
            tenant: found.tenant,
            status: found.status,
            created_at: found.createdAt.toISOString(),
          })),
        };
      },
    }),
    ...keyRoutes(context),
  ];
}

function keyRoutes(context: AdminContext): AdminRoute[] {
  const { pool } = context;
  return [
    route({
      id: 'createTenantKey',
      method: 'post',
      path: '/admin/tenants/{tenant}/keys',
      summary: "Create another of the tenant's keys, which is shown this once",
      scope: 'admin',
      reach: 'tenant',
      params: tenantParams,
      body: createKeyContract,
      bodyOptional: true,
      status: 201,
      answer: keyBody.extend({ key: z.string() }),
      async handle({ params, body, caller }) {
        await existingTenant(context, params.tenant);
        return audited(pool, async (client) => {
          const options = { scopes: body.scopes ?? SCOPES, label: body.label ?? null };
          const { key, stored } = await createKey(client, params.tenant, options);
          const after = toBody(stored);
          const named = { tenant: params.tenant, subject: stored.keyId, why: body.why ?? null };
          return { result: { ...after, key }, entry: { actor: caller.by, action: 'key.create', ...named, after } };
        });
      },
    }),
    route({
      id: 'listTenantKeys',
      method: 'get',
      path: '/admin/tenants/{tenant}/keys',
      summary: "The tenant's keys, without their secrets",
      scope: 'admin',
      reach: 'tenant',
      params: tenantParams,
      answer: z.strictObject({ tenant: z.string(), keys: z.array(keyBody) }),
      async handle({ params }) {
        await existingTenant(context, params.tenant);
        return { tenant: params.tenant, keys: (await listKeys(pool, params.tenant)).map(toBody) };
      },
    }),
    route({
      id: 'revokeTenantKey',
      method: 'delete',
      path: '/admin/tenants/{tenant}/keys/{key_id}',
      summary: "Revoke one of the tenant's keys; it stops working within 5 s",
      scope: 'admin',
      reach: 'tenant',
      params: tenantParams.extend({ key_id: z.string() }),
      body: maybeWhyBody,
      bodyOptional: true,
      status: 204,
      answer: z.null(),
      handle: ({ params, body, caller }) =>
        audited(pool, async (client) => {
          const { tenant, key_id: id } = params;
          const revoked = /^[0-9A-Za-z]{1,64}$/.test(id) ? await revokeKey(client, tenant, id) : null;
          if (revoked === null) {
            throw new HttpProblem('not_found', `Tenant ${tenant} has no such key. List its keys to see their ids.`);
          }
          const named = { tenant, subject: id, why: body.why ?? null };
          const change = { before: toBody(revoked.before), after: toBody(revoked.after) };
          return { result: null, entry: { actor: caller.by, action: 'key.revoke', ...named, ...change } };
        }),
    }),
  ];
}

function toBody(key: ApiKey): z.input<typeof keyBody> {
  return {
    key_id: key.keyId,
    tenant: key.tenant,
    label: key.label,
    scopes: [...key.scopes],
    last_four: key.lastFour,
    created_at: key.createdAt.toISOString(),
    expires_at: key.expiresAt?.toISOString() ?? null,
    revoked_at: key.revokedAt?.toISOString() ?? null,
    last_used_at: key.lastUsedAt?.toISOString() ?? null,
  };
}
