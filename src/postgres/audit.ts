import type { Pool, PoolClient } from 'pg';
import { withTransaction } from './pool';
import { query } from './query';
import type { Db } from './query';

/** One change by an operator. `before` and `after` hold settings and counts, never payloads or secrets. */
export interface AuditEntry {
  /** Who: the admin key's label, never what a body claims; of a command to a workflow what it says, after `temporal:`. */
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
  /** The command to a workflow that ordered it. */
  readonly commandId?: string | undefined;
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
    `insert into outbox.audit (actor, action, tenant_id, subject, why, before, after, command_id)
     values ($1, $2, $3, $4, $5, $6::jsonb, $7::jsonb, $8)`,
    [
      entry.actor,
      entry.action,
      entry.tenant,
      entry.subject ?? null,
      entry.why ?? null,
      json(entry.before),
      json(entry.after),
      entry.commandId ?? null,
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

/** `actor` of what a command to a workflow ordered: Temporal does not tell who sent it, so `by` must not pass for an admin key. */
export function commandActor(by: string): string {
  return `temporal:${by}`;
}

/**
 * What the command did when it was carried out before, or null. To be asked first in the transaction of the change: a second run of the
 * same command waits here until the first one's transaction has ended, and then sees its entry.
 */
export async function entryOfCommand(
  db: Db,
  commandId: string,
): Promise<Pick<StoredAudit, 'action' | 'before' | 'after'> | null> {
  await query(db, `select pg_advisory_xact_lock(hashtextextended('temporal-outbox:command:' || $1, 0))`, [commandId]);
  const rows = await query<Pick<StoredAudit, 'action' | 'before' | 'after'> & Record<string, unknown>>(
    db,
    'select action, before, after from outbox.audit where command_id = $1',
    [commandId],
  );
  return rows[0] ?? null;
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
