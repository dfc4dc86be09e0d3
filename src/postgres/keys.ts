import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { IngestLimits } from './ingest-limits';
import type { Db } from './query';
import { query } from './query';

/** An API key as stored: never the secret. */
export interface ApiKey {
  readonly tenant: string;
  readonly keyId: string;
  readonly lastFour: string;
  readonly scopes: readonly string[];
  readonly label: string | null;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly lastUsedAt: Date | null;
}

/** What is needed to check a presented key. */
export interface KeyForCheck extends ApiKey {
  /** SHA-256 of the secret: 32 bytes, to be compared in constant time. */
  readonly secretHash: Buffer;
  /** False while the tenant is suspended or gone. */
  readonly tenantActive: boolean;
  /** What the tenant's settings say about intake; null = nothing. */
  readonly ingest: Partial<IngestLimits> | null;
}

const COLUMNS = `k.tenant_id as tenant, k.key_id as "keyId", k.last_four as "lastFour", k.scopes, k.label,
  k.created_at as "createdAt", k.expires_at as "expiresAt", k.revoked_at as "revokedAt", k.last_used_at as "lastUsedAt"`;

/** `obx_<key id>_<secret>_<crc>`: the prefix lets secret scanners find leaked keys, the checksum tells a typo from a guess. */
const KEY_FORM = /^obx_([0-9a-f]{12})_([0-9a-f]{64})_([0-9a-f]{8})$/;

/** Parts of a presented key, or null if it cannot be one (without a look at the database). */
export function parseKey(text: string): { readonly keyId: string; readonly secret: string } | null {
  const match = KEY_FORM.exec(text);
  const [, keyId, secret, sum] = match ?? [];
  if (keyId === undefined || secret === undefined || sum !== keyChecksum(`obx_${keyId}_${secret}`)) return null;
  return { keyId, secret };
}

/** 256 random bits need no slow hash: nothing can be guessed from them. */
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** Mints a key. `key` is returned this once and stored nowhere. The tenant must exist (not checked here). */
export async function createKey(
  db: Db,
  tenant: string,
  options: { readonly scopes: readonly string[]; readonly label?: string | null; readonly expiresAt?: Date | null },
): Promise<{ readonly key: string; readonly stored: ApiKey }> {
  const keyId = randomBytes(6).toString('hex');
  const secret = randomBytes(32).toString('hex');
  const body = `obx_${keyId}_${secret}`;
  const rows = await query<ApiKey & Record<string, unknown>>(
    db,
    `insert into outbox.api_keys as k (tenant_id, key_id, secret_hash, last_four, scopes, label, expires_at)
     values ($1, $2, $3, $4, $5::text[], $6, $7) returning ${COLUMNS}`,
    [
      tenant,
      keyId,
      hashSecret(secret),
      secret.slice(-4),
      options.scopes,
      options.label ?? null,
      options.expiresAt ?? null,
    ],
  );
  return { key: `${body}_${keyChecksum(body)}`, stored: rows[0] as ApiKey };
}

/** Keys with this id (ids are unique per tenant only, so possibly several): compare `hashSecret` in constant time. */
export async function findKeys(db: Db, keyId: string): Promise<KeyForCheck[]> {
  return query<KeyForCheck & Record<string, unknown>>(
    db,
    `select ${COLUMNS}, k.secret_hash as "secretHash", coalesce(t.status = 'active', false) as "tenantActive",
            t.settings -> 'ingest' as ingest
     from outbox.api_keys k left join outbox.tenants t using (tenant_id) where k.key_id = $1`,
    [keyId],
  );
}

export async function listKeys(db: Db, tenant: string): Promise<ApiKey[]> {
  return query<ApiKey & Record<string, unknown>>(
    db,
    `select ${COLUMNS} from outbox.api_keys k where k.tenant_id = $1 order by k.created_at, k.key_id`,
    [tenant],
  );
}

/** The key before and after, or null if the tenant has no such key. Revoking twice keeps the first time. */
export async function revokeKey(
  db: Db,
  tenant: string,
  keyId: string,
): Promise<{ readonly before: ApiKey; readonly after: ApiKey } | null> {
  const rows = await query<ApiKey & { readonly revokedBefore: Date | null } & Record<string, unknown>>(
    db,
    `update outbox.api_keys k set revoked_at = coalesce(k.revoked_at, clock_timestamp())
     from (select tenant_id, key_id, revoked_at from outbox.api_keys where tenant_id = $1 and key_id = $2 for update) o
     where k.tenant_id = o.tenant_id and k.key_id = o.key_id returning ${COLUMNS}, o.revoked_at as "revokedBefore"`,
    [tenant, keyId],
  );
  const [after] = rows;
  return after === undefined ? null : { before: { ...after, revokedAt: after.revokedBefore }, after };
}

/** Notes the use of a key, at most once a minute: a write per request would be the most frequent write of all. */
export async function touchKey(db: Db, tenant: string, keyId: string): Promise<void> {
  await query(
    db,
    `update outbox.api_keys set last_used_at = clock_timestamp()
     where tenant_id = $1 and key_id = $2
       and (last_used_at is null or last_used_at < clock_timestamp() - interval '1 minute')`,
    [tenant, keyId],
  );
}

/** CRC-32 of a key's text before it, as eight hex digits. */
export function keyChecksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
