import type { Request, Response } from 'express';
import type { z } from 'zod';
import type { ApiKey } from '../../postgres/keys';
import { bodyBytes } from '../http/body';
import { HttpProblem } from '../http/problem';
import { sendJson } from '../http/send';
import { fieldErrors } from '../ingest/event';
import { parseJsonBody } from '../json/body';
import { SCOPES } from '../ports';
import type { TenantStore } from '../ports';
import { createKeyContract, createTenantContract, tenantName } from './contract';

/** Handlers of tenants and their keys. A key is in the answer that creates it and nowhere else. */
export interface TenantHandlers {
  createTenant(request: Request, response: Response): Promise<void>;
  listTenants(request: Request, response: Response): Promise<void>;
  createKey(request: Request, response: Response): Promise<void>;
  listKeys(request: Request, response: Response): Promise<void>;
  revokeKey(request: Request, response: Response): Promise<void>;
}

export function tenantHandlers(store: TenantStore): TenantHandlers {
  return {
    async createTenant(request, response) {
      const { name } = parse(createTenantContract, bodyBytes(request));
      if (!(await store.createTenant(name))) {
        throw new HttpProblem(
          'already_exists',
          `Tenant ${name} exists. Create another key for it, or choose another name.`,
        );
      }
      const created = await store.createKey(name, { scopes: SCOPES, label: null });
      if (created === null) throw noTenant(name);
      sendJson(response, 201, { tenant: name, key: created.key, key_id: created.stored.keyId });
    },
    async listTenants(request, response) {
      const page = pageOf(request);
      const tenants = await store.listTenants(page);
      sendJson(response, 200, {
        next: tenants.length < page.limit ? null : (tenants.at(-1)?.tenant ?? null),
        tenants: tenants.map((tenant) => ({
          tenant: tenant.tenant,
          status: tenant.status,
          created_at: tenant.createdAt.toISOString(),
        })),
      });
    },
    async createKey(request, response) {
      const tenant = tenantParameter(request);
      const bytes = bodyBytes(request);
      const body = bytes.length === 0 ? {} : parse(createKeyContract, bytes);
      const created = await store.createKey(tenant, { scopes: body.scopes ?? SCOPES, label: body.label ?? null });
      if (created === null) throw noTenant(tenant);
      sendJson(response, 201, { ...keyBody(created.stored), key: created.key });
    },
    async listKeys(request, response) {
      const tenant = tenantParameter(request);
      const keys = await store.listKeys(tenant);
      if (keys === null) throw noTenant(tenant);
      sendJson(response, 200, { tenant, keys: keys.map(keyBody) });
    },
    async revokeKey(request, response) {
      const tenant = tenantParameter(request);
      const keyId = String(request.params['keyId']);
      if (!/^[0-9A-Za-z]{1,64}$/.test(keyId) || !(await store.revokeKey(tenant, keyId))) {
        throw new HttpProblem('not_found', `Tenant ${tenant} has no such key. List its keys to see their ids.`);
      }
      response.writeHead(204).end();
    },
  };
}

function keyBody(key: ApiKey): Record<string, unknown> {
  return {
    key_id: key.keyId,
    tenant: key.tenant,
    label: key.label,
    scopes: key.scopes,
    last_four: key.lastFour,
    created_at: key.createdAt.toISOString(),
    expires_at: key.expiresAt?.toISOString() ?? null,
    revoked_at: key.revokedAt?.toISOString() ?? null,
    last_used_at: key.lastUsedAt?.toISOString() ?? null,
  };
}

const PAGE = 200;

/** `?after=<tenant>&limit=<n>`; any other parameter is refused. */
function pageOf(request: Request): { readonly after: string; readonly limit: number } {
  const query = new URLSearchParams(request.url.split('?')[1] ?? '');
  const names = [...query.keys()];
  const limit = query.get('limit') ?? String(PAGE);
  const after = query.get('after') ?? '';
  const known = names.every((name) => name === 'after' || name === 'limit') && new Set(names).size === names.length;
  const valid =
    /^[1-9]\d{0,2}$/.test(limit) && Number(limit) <= PAGE && (after === '' || tenantName.safeParse(after).success);
  if (!known || !valid) {
    throw new HttpProblem(
      'invalid_parameter',
      `The parameters are after=<tenant> and limit=<1 to ${PAGE}>. Correct them.`,
    );
  }
  return { after, limit: Number(limit) };
}

function tenantParameter(request: Request): string {
  const result = tenantName.safeParse(request.params['tenant']);
  if (!result.success)
    throw new HttpProblem('invalid_parameter', 'The tenant in the URL is not a tenant name. Correct it.');
  return result.data;
}

function noTenant(tenant: string): HttpProblem {
  return new HttpProblem('not_found', `There is no tenant ${tenant}. Create it first.`);
}

function parse<T>(contract: z.ZodType<T>, bytes: Buffer): T {
  const result = contract.safeParse(parseJsonBody(bytes, 1).value);
  if (result.success) return result.data;
  throw new HttpProblem('invalid_body', 'The body breaks the contract. Correct the fields listed in errors.', {
    errors: fieldErrors(result.error, ''),
  });
}
