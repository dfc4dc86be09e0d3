import type { Pool } from 'pg';
import type { PublisherRef } from '../domain/publisher';
import { withTransaction } from './pool';
import type { Db } from './query';
import { query } from './query';
import { askBack } from './relay/give-back';
import { setReplayState } from './replay-control';
import type { StatusChange } from './tenants';

/** What of a tenant may run in Temporal: a workflow for each publisher, and for each of these replays by its id. */
export interface TenantWorkflows {
  readonly publishers: readonly PublisherRef[];
  readonly replays: readonly string[];
}

/** Rows per transaction: the publishers' rows are locked meanwhile, and an attach waits. */
export const CHUNK = 5_000;

/** Beside events. The tenant itself goes last. */
const OWN_TABLES = [
  ...['publishers', 'replay_events', 'replays', 'replay_plans', 'purged', 'relay_counts', 'released'],
  ...['api_keys', 'ingest_buckets', 'tenants'],
] as const;

/** Events and copies that relays have sent and could not mark. */
export async function unsettled(db: Db, tenant: string): Promise<number> {
  const rows = await query<{ n: number }>(db, 'select count(*)::int as n from outbox.unsettled where tenant_id = $1', [
    tenant,
  ]);
  return rows[0]?.n ?? 0;
}

/**
 * Skips events that are not on their way; null = a relay has a publisher of the tenant, and was asked to give it back: try again. Two
 * statements: the second must see what was recorded while the first waited for the lock.
 */
export async function skipSome(pool: Pool, tenant: string, why: string): Promise<number | null> {
  return withTransaction(pool, async (client) => {
    await touchPublishers(client, tenant);
    if ((await askBack(client, tenant)) > 0) return null;
    const rows = await query(
      client,
      `update outbox.events e set status = 'skipped', error_code = 'TENANT_DELETED', error_reason = $2
       from (select event_id from outbox.events
             where tenant_id = $1 and status in ('pending', 'failed') and event_id not in (
               select event_id from outbox.unsettled where tenant_id = $1)
             limit ${CHUNK}) doomed
       where e.tenant_id = $1 and e.event_id = doomed.event_id returning 1`,
      [tenant, why],
    );
    return rows.length;
  });
}

/** Locks the publishers' rows, and what relays set aside is judged anew. */
async function touchPublishers(db: Db, tenant: string): Promise<void> {
  await query(db, 'update outbox.publishers set revision = revision + 1 where tenant_id = $1', [tenant]);
}

export async function removeSome(db: Db, tenant: string): Promise<number> {
  const rows = await query(
    db,
    `delete from outbox.events where tenant_id = $1 and event_id in (
       select event_id from outbox.events where tenant_id = $1 and status in ('published', 'skipped') limit ${CHUNK})
     returning 1`,
    [tenant],
  );
  return rows.length;
}

/** Takes what no relay has prepared out of the lane for good. A replay that is fed or started again finds no events either. */
export async function cancelReplays(pool: Pool, tenant: string, { by, why }: StatusChange): Promise<void> {
  const rows = await query<{ replayId: string }>(
    pool,
    `select replay_id as "replayId" from outbox.replays where tenant_id = $1 and state in ('running', 'paused')`,
    [tenant],
  );
  for (const { replayId } of rows) {
    await setReplayState(pool, { tenant, replayId, state: 'cancelled', by, why: `the tenant is deleted: ${why}` });
  }
}

/** A replay is visited until its workflow has seen the end of it. */
export async function workflowsOf(db: Db, tenant: string): Promise<TenantWorkflows> {
  const publishers = await query<PublisherRef & Record<string, unknown>>(
    db,
    'select tenant_id as tenant, destination, shard::int from outbox.publishers where tenant_id = $1',
    [tenant],
  );
  const replays = await query<{ replayId: string }>(
    db,
    'select replay_id as "replayId" from outbox.replays where tenant_id = $1 and visit_at is not null',
    [tenant],
  );
  return { publishers, replays: replays.map(({ replayId }) => replayId) };
}

/**
 * The rest in one transaction, the tenant itself last. False, and nothing is done, while something that was sent could not be marked yet, or a
 * relay has a publisher: it was asked to give it back.
 */
export async function removeRest(pool: Pool, tenant: string): Promise<boolean> {
  return withTransaction(pool, async (client) => {
    // The tenant before its publishers, as a workflow that saves its state locks them.
    await query(client, 'select 1 from outbox.tenants where tenant_id = $1 for update', [tenant]);
    await query(
      client,
      'select 1 from outbox.publishers where tenant_id = $1 order by destination, shard for no key update',
      [tenant],
    );
    if ((await unsettled(client, tenant)) > 0) return false;
    if ((await askBack(client, tenant)) > 0) return false;
    for (const table of OWN_TABLES) {
      await query(client, `delete from outbox.${table} where tenant_id = $1`, [tenant]);
    }
    return true;
  });
}
