import { randomBytes } from 'node:crypto';
import { hashSecret, keyChecksum } from './keys';
import { query } from './query';
import type { Db } from './query';

/** A key of the admin API as stored: never the secret. */
export interface AdminKey {
  readonly keyId: string;
  readonly label: string;
  readonly scopes: readonly string[];
  /** null = may name every tenant. */
  readonly tenant: string | null;
  readonly lastFour: string;
  readonly createdAt: Date;
  readonly createdBy: string;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly lastUsedAt: Date | null;
}

const COLUMNS = `k.key_id as "keyId", k.label, k.scopes, k.tenant_id as tenant, k.last_four as "lastFour",
  k.created_at as "createdAt", k.created_by as "createdBy", k.expires_at as "expiresAt", k.revoked_at as "revokedAt",
  k.last_used_at as "lastUsedAt"`;

/** Told from a tenant's key at a glance, and by secret scanners; the checksum tells a typo from a guess. */
const KEY_FORM = /^obx_admin_([0-9a-f]{12})_([0-9a-f]{64})_([0-9a-f]{8})$/;

/** Parts of a presented key, or null if it cannot be one (without a look at the database). */
export function parseAdminKey(text: string): { readonly keyId: string; readonly secret: string } | null {
  const [, keyId, secret, sum] = KEY_FORM.exec(text) ?? [];
  if (keyId === undefined || secret === undefined || sum !== keyChecksum(`obx_admin_${keyId}_${secret}`)) return null;
  return { keyId, secret };
}

/** Mints a key. `key` is returned this once and stored nowhere. */
export async function createAdminKey(
  db: Db,
  options: {
    readonly label: string;
    readonly scopes: readonly string[];
    readonly tenant: string | null;
    readonly expiresAt: Date | null;
    readonly createdBy: string;
  },
): Promise<{ readonly key: string; readonly stored: AdminKey }> {
  const keyId = randomBytes(6).toString('hex');
  const secret = randomBytes(32).toString('hex');
  const body = `obx_admin_${keyId}_${secret}`;
  const rows = await query<AdminKey & Record<string, unknown>>(
    db,
    `insert into outbox.admin_keys as k (key_id, secret_hash, last_four, scopes, tenant_id, label, expires_at, created_by)
     values ($1, $2, $3, $4::text[], $5, $6, $7, $8) returning ${COLUMNS}`,
    [
      keyId,
      hashSecret(secret),
      secret.slice(-4),
      options.scopes,
      options.tenant,
      options.label,
      options.expiresAt,
      options.createdBy,
    ],
  );
  return { key: `${body}_${keyChecksum(body)}`, stored: rows[0] as AdminKey };
}

/** The key of this id with the hash of its secret, to be compared in constant time; null if there is none. */
export async function findAdminKey(
  db: Db,
  keyId: string,
): Promise<(AdminKey & { readonly secretHash: Buffer }) | null> {
  const rows = await query<AdminKey & { readonly secretHash: Buffer } & Record<string, unknown>>(
    db,
    `select ${COLUMNS}, k.secret_hash as "secretHash" from outbox.admin_keys k where key_id = $1`,
    [keyId],
  );
  return rows[0] ?? null;
}

/** By id, from after `after` on; of one tenant if given. */
export async function listAdminKeys(
  db: Db,
  page: { readonly tenant: string | null; readonly after: string; readonly limit: number },
): Promise<AdminKey[]> {
  return query<AdminKey & Record<string, unknown>>(
    db,
    `select ${COLUMNS} from outbox.admin_keys k
     where key_id > $1 and ($2::text is null or tenant_id = $2) order by key_id limit $3`,
    [page.after, page.tenant, page.limit],
  );
}

/** The key before and after; null if there is none (of that tenant, if given). Revoking twice keeps the first time. */
export async function revokeAdminKey(
  db: Db,
  keyId: string,
  tenant: string | null,
): Promise<{ readonly before: AdminKey; readonly after: AdminKey } | null> {
  const rows = await query<AdminKey & { readonly revokedBefore: Date | null } & Record<string, unknown>>(
    db,
    `update outbox.admin_keys k set revoked_at = coalesce(k.revoked_at, clock_timestamp())
     from (select key_id, revoked_at from outbox.admin_keys
           where key_id = $1 and ($2::text is null or tenant_id = $2) for update) o
     where k.key_id = o.key_id returning ${COLUMNS}, o.revoked_at as "revokedBefore"`,
    [keyId, tenant],
  );
  const [after] = rows;
  return after === undefined ? null : { before: { ...after, revokedAt: after.revokedBefore }, after };
}

/** The keys of a tenant that is gone: whoever takes its name later must not inherit them. Answers how many. */
export async function revokeAdminKeysOf(db: Db, tenant: string): Promise<number> {
  const rows = await query(
    db,
    `update outbox.admin_keys set revoked_at = clock_timestamp() where tenant_id = $1 and revoked_at is null returning 1`,
    [tenant],
  );
  return rows.length;
}

/** Notes the use of a key, at most once a minute. */
export async function touchAdminKey(db: Db, keyId: string): Promise<void> {
  await query(
    db,
    `update outbox.admin_keys set last_used_at = clock_timestamp()
     where key_id = $1 and (last_used_at is null or last_used_at < clock_timestamp() - interval '1 minute')`,
    [keyId],
  );
}
