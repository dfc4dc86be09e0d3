import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { withTransaction } from './pool';
import type { Db } from './query';
import { query } from './query';
import type { StatusChange } from './tenants';
import { getTenant, suspendTenant } from './tenants';

export type Deletion =
  | { readonly kind: 'deleted'; readonly skipped: number; readonly removed: number }
  | { readonly kind: 'unknown' }
  /** Nothing that is stored was removed. `detail` says what to do; `count` is capped at COUNT_CAP. */
  | {
      readonly kind: 'refused';
      readonly reason: 'unpublished' | 'open_transactions' | 'in_doubt';
      readonly count: number;
      readonly detail: string;
    };

export const COUNT_CAP = 10_000;
/** Rows per transaction: the publisher's row is locked meanwhile, and its drain waits. */
const CHUNK = 5_000;
/** How long writers in flight and a batch in doubt may take before the caller is told to come back, ms. */
const PATIENCE_MS = 5_000;
const LOOK_MS = 50;

/** Beside events, batches and publishers. The tenant itself goes last. */
const OWN_TABLES = [
  ...['replay_events', 'replays', 'replay_plans', 'purged'],
  ...['api_keys', 'ingest_buckets', 'tenants'],
] as const;

/**
 * Deletes a tenant: first its intake ends, then everything that it stored goes, in bounded steps; a deletion that was cut
 * short is simply done again. Refused while anything is unpublished, unless `force`: then that is skipped, with the reason.
 *
 * The rows of its publishers stay. Kafka's ledger outlives the tenant, so a tenant of that name who comes later must go on
 * counting where this one ended: from zero, the old ledger would look like a contradiction, or like a commit of a new batch.
 * For the same reason each publisher keeps its last batch. Terminate the publishers' workflows afterwards.
 */
export async function deleteTenant(
  pool: Pool,
  tenant: string,
  order: StatusChange & { readonly force: boolean },
): Promise<Deletion> {
  if ((await getTenant(pool, tenant)) === null) return { kind: 'unknown' };
  const early = order.force ? 0 : await countUnpublished(pool, tenant);
  if (early > 0) return unpublished(early);
  await suspendTenant(pool, tenant, order);
  if (!(await writersEnded(pool))) {
    const detail = 'Transactions that may hold events of this tenant are still open. End them and delete it again.';
    return { kind: 'refused', reason: 'open_transactions', count: 0, detail };
  }
  let skipped = 0;
  if (order.force) {
    for (let n = CHUNK; n === CHUNK; skipped += n) n = await skipSome(pool, tenant, `${order.by}: ${order.why}`);
  }
  if (!(await poll(async () => (await unsettled(pool, tenant)) === 0))) {
    const detail =
      'A batch is in doubt. Its publisher settles it as soon as Kafka and Temporal answer: delete the tenant again then.';
    return { kind: 'refused', reason: 'in_doubt', count: await unsettled(pool, tenant), detail };
  }
  const left = await countUnpublished(pool, tenant);
  if (left > 0) return unpublished(left);
  let removed = 0;
  for (let n = CHUNK; n === CHUNK; removed += n) n = await removeSome(pool, tenant);
  await removeRest(pool, tenant);
  return { kind: 'deleted', skipped, removed };
}

function unpublished(count: number): Deletion {
  const many = count > COUNT_CAP ? `more than ${COUNT_CAP}` : String(count);
  const detail = `${many} events of this tenant are not published. Let them be published, skip them, or force the deletion.`;
  return { kind: 'refused', reason: 'unpublished', count: Math.min(count, COUNT_CAP), detail };
}

/** Up to COUNT_CAP + 1. */
async function countUnpublished(db: Db, tenant: string): Promise<number> {
  const rows = await query<{ n: number }>(
    db,
    `select count(*)::int as n from (
       (select from outbox.events where tenant_id = $1 and status = 'pending' limit ${COUNT_CAP + 1})
       union all (select from outbox.events where tenant_id = $1 and status = 'failed' limit ${COUNT_CAP + 1})) e`,
    [tenant],
  );
  return Math.min(rows[0]?.n ?? 0, COUNT_CAP + 1);
}

/**
 * A transaction that began to write before the tenant was suspended may commit an event of it later. Waits for all that were
 * open now; whoever writes from here on is refused.
 */
async function writersEnded(db: Db): Promise<boolean> {
  const writing = `from pg_locks where relation = 'outbox.events'::regclass and mode = 'RowExclusiveLock' and granted
    and database = (select oid from pg_database where datname = current_database()) and pid is distinct from pg_backend_pid()`;
  const [open] = await query<{ ids: string[] }>(
    db,
    `select coalesce(array_agg(distinct virtualtransaction), '{}') as ids ${writing}`,
  );
  return poll(async () => {
    const rows = await query(db, `select 1 ${writing} and virtualtransaction = any ($1) limit 1`, [open?.ids ?? []]);
    return rows.length === 0;
  });
}

async function unsettled(db: Db, tenant: string): Promise<number> {
  const rows = await query<{ n: number }>(
    db,
    'select count(*)::int as n from outbox.batches where tenant_id = $1 and settled_at is null',
    [tenant],
  );
  return rows[0]?.n ?? 0;
}

/** Skips events in no unsettled batch. Two statements: the second must see what was recorded while the first waited for the lock. */
async function skipSome(pool: Pool, tenant: string, why: string): Promise<number> {
  return withTransaction(pool, async (client) => {
    await touchPublishers(client, tenant);
    const rows = await query(
      client,
      `update outbox.events e set status = 'skipped', error_code = 'TENANT_DELETED', error_reason = $2
       from (select event_id from outbox.events
             where tenant_id = $1 and status in ('pending', 'failed') and event_id not in (
               select unnest(event_ids) from outbox.batches where tenant_id = $1 and settled_at is null)
             limit ${CHUNK}) doomed
       where e.tenant_id = $1 and e.event_id = doomed.event_id returning 1`,
      [tenant, why],
    );
    return rows.length;
  });
}

/** Locks the publishers' rows and outdates what their drains selected. */
async function touchPublishers(db: Db, tenant: string): Promise<void> {
  await query(db, 'update outbox.publishers set revision = revision + 1 where tenant_id = $1', [tenant]);
}

async function removeSome(db: Db, tenant: string): Promise<number> {
  const rows = await query(
    db,
    `delete from outbox.events where tenant_id = $1 and event_id in (
       select event_id from outbox.events where tenant_id = $1 and status in ('published', 'skipped') limit ${CHUNK})
     returning 1`,
    [tenant],
  );
  return rows.length;
}

async function removeRest(pool: Pool, tenant: string): Promise<void> {
  await withTransaction(pool, async (client) => {
    await query(
      client,
      `update outbox.publishers set limits = '{}', paused = null, breaker = null, revision = revision + 1 where tenant_id = $1`,
      [tenant],
    );
    await query(
      client,
      `delete from outbox.batches b using outbox.publishers p
       where b.tenant_id = $1 and p.tenant_id = $1 and p.destination = b.destination and p.shard = b.shard and b.seq < p.settled`,
      [tenant],
    );
    for (const table of OWN_TABLES) {
      await query(client, `delete from outbox.${table} where tenant_id = $1`, [tenant]);
    }
  });
}

async function poll(good: () => Promise<boolean>): Promise<boolean> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await good())) {
    if (Date.now() > deadline) return false;
    await sleep(LOOK_MS);
  }
  return true;
}
