import type { Pool } from 'pg';
import type { PurgeCounts } from '../domain/retention';
import { withTransaction } from './pool';
import type { Db } from './query';
import { query } from './query';

export interface RetainedTenant {
  readonly tenant: string;
  /** `settings.retention` as it is stored; null = the deployment's. */
  readonly setting: unknown;
}

/** Tenants by name from after `after` on, also deleted ones that left a publisher's row behind. */
export async function retainedTenants(db: Db, after: string, limit: number): Promise<RetainedTenant[]> {
  return query<RetainedTenant & Record<string, unknown>>(
    db,
    `select u.tenant_id as tenant, t.settings -> 'retention' as setting
     from (select tenant_id from outbox.tenants where tenant_id > $1
           union select tenant_id from outbox.publishers where tenant_id > $1) u
     left join outbox.tenants t using (tenant_id) order by u.tenant_id limit $2`,
    [after, limit],
  );
}

export interface ExpiredEvents {
  readonly ids: readonly string[];
  /** Where the next look starts; null = no older event is left. */
  readonly next: string | null;
}

/** When an event reached its status. */
const ENDED = `case e.status when 'published' then e.published_at else greatest(e.created_at, e.failed_at, e.skipped_at) end`;
const EXPIRED = `e.status in ('published', 'skipped') and ${ENDED} < clock_timestamp() - $2::float8 * interval '1 ms'`;

/**
 * Which of a tenant's next `limit` events after `after` are past their time. Walks the primary key from the oldest id and ends
 * at the first stretch that reaches into the time to keep: no index on published rows exists, for settling would pay for it.
 */
export async function expiredEvents(
  db: Db,
  tenant: string,
  keepMs: number,
  after: string,
  limit: number,
): Promise<ExpiredEvents> {
  const rows = await query<{ ids: string[] | null; last: string | null; old: boolean | null }>(
    db,
    `select array_agg(c.event_id::text) filter (where c.expired) as ids, max(c.event_id)::text as last,
            count(*) = $4 and max(c.created_at) < clock_timestamp() - $2::float8 * interval '1 ms' as old
     from (select e.event_id, e.created_at, ${EXPIRED} as expired from outbox.events e
           where e.tenant_id = $1 and e.event_id > $3 order by e.event_id limit $4) c`,
    [tenant, keepMs, after, limit],
  );
  const row = rows[0];
  return { ids: row?.ids ?? [], next: row?.old === true ? row.last : null };
}

/**
 * Deletes those of these events that still are past their time and that no relay could not mark yet, and belong to no replay that is not
 * over, and counts them, in one transaction. It holds the publishers' rows: a replay that starts waits for it, and one that started before is
 * seen by the delete, whose snapshot is younger than the locks.
 */
export async function purgeEvents(
  pool: Pool,
  tenant: string,
  keepMs: number,
  ids: readonly string[],
): Promise<PurgeCounts> {
  return withTransaction(pool, async (client) => {
    await query(
      client,
      'select 1 from outbox.publishers where tenant_id = $1 order by destination, shard for no key update',
      [tenant],
    );
    const rows = await query<PurgeCounts & Record<string, unknown>>(
      client,
      `with gone as (
         delete from outbox.events e
         where e.tenant_id = $1 and e.event_id = any ($3::bigint[]) and ${EXPIRED}
           and e.event_id not in (select u.event_id from outbox.unsettled u where u.tenant_id = $1)
           and not exists (
             select from outbox.replays r
             where r.tenant_id = $1 and r.state in ('running', 'paused') and e.event_id <= r.last_event_id)
         returning e.status
       ), counted as (
         select count(*) filter (where status = 'published') as published, count(*) filter (where status = 'skipped') as skipped
         from gone
       ), kept as (${COUNT_PURGED} select $1, c.published, c.skipped from counted c ${ADD_PURGED})
       select published::float8, skipped::float8 from counted`,
      [tenant, keepMs, ids],
    );
    return rows[0] ?? NOTHING;
  });
}

/**
 * Deletes copies that replays made which ended long ago, of the next `limit` copies after `after`; answers where the next look
 * starts, null = at the end. The replay's own row stays: it keeps the replay's id from having a second effect.
 */
export async function purgeCopies(
  db: Db,
  tenant: string,
  keepMs: number,
  after: string,
  limit: number,
): Promise<string | null> {
  const rows = await query<{ next: string | null }>(
    db,
    `with looked as (
       select c.copy_id, c.event_id, c.replay_id from outbox.replay_events c
       where c.tenant_id = $1 and c.copy_id > $3 order by c.copy_id limit $4
     ), gone as (
       delete from outbox.replay_events c using looked l, outbox.replays r
       where c.tenant_id = $1 and c.event_id = l.event_id and c.replay_id = l.replay_id
         and r.tenant_id = $1 and r.replay_id = l.replay_id and r.state in ('cancelled', 'done')
         and r.ended_at < clock_timestamp() - $2::float8 * interval '1 ms'
         and not exists (select from outbox.unsettled u where u.tenant_id = $1 and u.event_id = c.event_id and u.replay_id = c.replay_id)
     )
     select case when count(*) = $4 then max(copy_id)::text end as next from looked`,
    [tenant, keepMs, after, limit],
  );
  return rows[0]?.next ?? null;
}

const NOTHING: PurgeCounts = { published: 0, skipped: 0 };
const COUNT_PURGED = 'insert into outbox.purged as u (tenant_id, published, skipped)';
const ADD_PURGED = `on conflict (tenant_id) do update set published = u.published + excluded.published,
  skipped = u.skipped + excluded.skipped, purged_at = clock_timestamp()`;
