import type { Pool, PoolClient } from 'pg';
import { withTransaction } from './pool';
import { query } from './query';
import type { Db } from './query';

/** One change by an operator. `before` and `after` hold settings and counts, never payloads or secrets. */
export interface AuditEntry {
  /** Who: the admin key's label, never what a body claims. */
  readonly actor: string;
  /** What, as `<thing>.<verb>`. */
  readonly action: string;
  /** null = the whole installation. */
  readonly tenant: string | null;
  /** Which key, event or replay of the tenant, if one is meant. */
  readonly subject?: string | null;
  readonly why?: string | null;
  readonly before?: unknown;
  readonly after?: unknown;
}

export interface StoredAudit {
  readonly id: string;
  readonly at: Date;
  readonly actor: string;
  readonly action: string;
  readonly tenant: string | null;
  readonly subject: string | null;
  readonly why: string | null;
  readonly before: unknown;
  readonly after: unknown;
}

/** Appends one entry. Give it the client of the change's own transaction, so that there is never the one without the other. */
export async function writeAudit(db: Db, entry: AuditEntry): Promise<void> {
  const json = (value: unknown): string | null =>
    value === undefined || value === null ? null : JSON.stringify(value);
  await query(
    db,
    `insert into outbox.audit (actor, action, tenant_id, subject, why, before, after)
     values ($1, $2, $3, $4, $5, $6::jsonb, $7::jsonb)`,
    [
      entry.actor,
      entry.action,
      entry.tenant,
      entry.subject ?? null,
      entry.why ?? null,
      json(entry.before),
      json(entry.after),
    ],
  );
}

/** Runs a change and appends what it answers as its entry (null = nothing was changed), in one transaction. */
export async function audited<T>(
  pool: Pool,
  change: (client: PoolClient) => Promise<{ readonly result: T; readonly entry: AuditEntry | null }>,
): Promise<T> {
  return withTransaction(pool, async (client) => {
    const { result, entry } = await change(client);
    if (entry !== null) await writeAudit(client, entry);
    return result;
  });
}

/** Newest first, from before the entry `before` on. */
export async function listAudit(
  db: Db,
  filter: {
    readonly tenant: string | null;
    readonly action: string | null;
    readonly before: string | null;
    readonly limit: number;
  },
): Promise<StoredAudit[]> {
  return query<StoredAudit & Record<string, unknown>>(
    db,
    `select audit_id::text as id, at, actor, action, tenant_id as tenant, subject, why, before, after
     from outbox.audit
     where ($1::text is null or tenant_id = $1) and ($2::text is null or action = $2)
       and ($3::bigint is null or audit_id < $3)
     order by audit_id desc limit $4`,
    [filter.tenant, filter.action, filter.before, filter.limit],
  );
}
