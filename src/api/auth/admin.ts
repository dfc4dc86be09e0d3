import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Pool } from 'pg';
import { findAdminKey, parseAdminKey, touchAdminKey } from '../../postgres/admin-keys';
import { hashSecret } from '../../postgres/keys';
import { bearerToken, unauthenticated } from './authenticate';

/** read: look; payload: also at payloads; replay; operate: everything that changes publishing; admin: tenants and keys. */
export const ADMIN_SCOPES = ['read', 'payload', 'replay', 'operate', 'admin'] as const;
export type AdminScope = (typeof ADMIN_SCOPES)[number];

export interface AdminCaller {
  /** Who the audit and the publishers' states name. */
  readonly by: string;
  readonly scopes: readonly AdminScope[];
  /** The only tenant that this key may name; null = every tenant. */
  readonly tenant: string | null;
}

export interface AdminAuthenticator {
  /** Throws an HttpProblem; rejects with an OutboxError when the key has to be looked up and Postgres does not answer. */
  authenticate(request: IncomingMessage): Promise<AdminCaller>;
}

const BOOTSTRAP: AdminCaller = { by: 'OUTBOX_ADMIN_KEY', scopes: ADMIN_SCOPES, tenant: null };

/**
 * The key of the environment, which works without Postgres, or a stored one. Stored keys are looked up for each request:
 * operators' requests are few, and a revoked key should stop working at once.
 */
export function createAdminAuthenticator(
  pool: Pool,
  bootstrapKey: string,
  now: () => number = Date.now,
): AdminAuthenticator {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const expected = digest(bootstrapKey);
  return {
    async authenticate(request) {
      const token = bearerToken(request);
      // Digests, so that neither the time nor the length of the answer depends on the key.
      if (timingSafeEqual(digest(token), expected)) return BOOTSTRAP;
      const presented = parseAdminKey(token);
      if (presented === null) {
        throw unauthenticated('This is not an admin key. Use the value of OUTBOX_ADMIN_KEY or a key of /admin/keys.');
      }
      const key = await findAdminKey(pool, presented.keyId);
      const known = key !== null && timingSafeEqual(hashSecret(presented.secret), key.secretHash);
      const usable = known && key.revokedAt === null && (key.expiresAt === null || key.expiresAt.getTime() > now());
      // One text for unknown, wrong, revoked and expired: the difference is nobody's business without the key.
      if (!usable) throw unauthenticated('The admin key is unknown, revoked or expired. Ask for a new one.');
      await touchAdminKey(pool, key.keyId);
      return {
        by: `${key.label} (${key.keyId})`,
        scopes: ADMIN_SCOPES.filter((scope) => key.scopes.includes(scope)),
        tenant: key.tenant,
      };
    },
  };
}
