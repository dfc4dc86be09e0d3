import type { PublisherRef } from '../domain/publisher';
import type { Db } from './query';
import { query } from './query';
import { ALL_PAUSED } from './global-pause';
import { ASIDE_LANE } from './hold-key';
import { WAKING_MS, refColumns } from './publishers';

/** A publisher that the sweep wakes in vain is tried again after 1 s, then twice as long each time, up to this. */
export const SWEEP_BACKOFF_MAX_MS = 60_000;

/**
 * A wait's end is its workflow's business first: its timer fires at `state_until`, and its drain may wait a while until a relay takes it.
 * Only a workflow that has not attached after this is taken for lost, so that wakes do not go to the thousands that an outage opened at once.
 */
export const WAIT_GRACE_MS = 30_000;

/** Before events that are set aside: a held publisher has nothing to do for those, but for copies it has. */
const COPY_LANE = 1;

// Asleep with something to do = a lost wake; a state that ran out = a lost signal or a terminated workflow. An attached publisher is at work
// without end: its relay, or whoever takes that over, looks after it. Paused, open and throttled without an end stay as they are until someone changes them.
const DUE = `(p.state in ('sleeping', 'held') or p.state_until < clock_timestamp()
    - case when p.state in ('waking', 'running') then 0 else ${WAIT_GRACE_MS} end * interval '1 ms')
  and (p.swept_at is null or p.swept_at + p.sweep_backoff_ms * interval '1 ms' < clock_timestamp())`;

/**
 * Finds publishers that have pending events or copies and nobody at work, the one with the oldest event first, marks them as waking
 * and returns at most `limit` of them (Temporal takes about 100 first wakes per second, so wakes are the scarce thing).
 * A held publisher whose first pending event is one set aside has nothing else.
 * While everything is paused it finds nothing and scans nothing.
 *
 * The recursive parts are loose index scans: one index descent per publisher with a backlog, whatever the backlog's size.
 */
export async function sweep(db: Db, limit: number): Promise<PublisherRef[]> {
  return query<PublisherRef & Record<string, unknown>>(
    db,
    `with recursive backlog as (
       (select tenant_id, destination, shard, lane, event_id from outbox.events
        where status = 'pending' and not ${ALL_PAUSED}
        order by tenant_id, destination, shard, lane, event_id limit 1)
       union all
       select next.* from backlog b cross join lateral (
         select e.tenant_id, e.destination, e.shard, e.lane, e.event_id from outbox.events e
         where e.status = 'pending' and (e.tenant_id, e.destination, e.shard) > (b.tenant_id, b.destination, b.shard)
         order by e.tenant_id, e.destination, e.shard, e.lane, e.event_id limit 1) next
     ), replaying as (
       (select tenant_id, destination, shard from outbox.replay_events where status = 'pending' and not ${ALL_PAUSED}
        order by tenant_id, destination, shard, copy_id limit 1)
       union all
       select next.* from replaying b cross join lateral (
         select r.tenant_id, r.destination, r.shard from outbox.replay_events r
         where r.status = 'pending' and (r.tenant_id, r.destination, r.shard) > (b.tenant_id, b.destination, b.shard)
         order by r.tenant_id, r.destination, r.shard, r.copy_id limit 1) next
     ), work as (
       -- Copies come after every event that is published for the first time.
       select tenant_id, destination, shard, min(lane) as lane, min(event_id) as event_id
       from (select * from backlog union all select tenant_id, destination, shard, ${COPY_LANE}, null from replaying) every
       group by tenant_id, destination, shard
     ), due as (
       select b.tenant_id, b.destination, b.shard
       from work b left join outbox.publishers p using (tenant_id, destination, shard)
       where p.tenant_id is null or (${DUE} and (b.lane < ${ASIDE_LANE} or p.state <> 'held'))
       order by b.event_id nulls last limit $1
     ), marked as (
       insert into outbox.publishers as p (tenant_id, destination, shard, state, state_until, swept_at, sweep_backoff_ms)
       select tenant_id, destination, shard, 'waking', clock_timestamp() + ${WAKING_MS} * interval '1 ms', clock_timestamp(), 1000
       from due order by tenant_id, destination, shard
       on conflict (tenant_id, destination, shard) do update
         set state = 'waking', state_until = excluded.state_until, swept_at = excluded.swept_at,
             sweep_backoff_ms = least(greatest(p.sweep_backoff_ms * 2, 1000), ${SWEEP_BACKOFF_MAX_MS}),
             updated_at = clock_timestamp()
         where ${DUE}
       returning tenant_id, destination, shard
     )
     select tenant_id as tenant, destination, shard::int from marked`,
    [limit],
  );
}

/** The signals of these publishers failed: they sleep again, without the back-off of one that was woken in vain. */
export async function forgive(db: Db, refs: readonly PublisherRef[]): Promise<void> {
  await query(
    db,
    `update outbox.publishers p set state = 'sleeping', state_until = null, swept_at = null, sweep_backoff_ms = 0
     from unnest($1::text[], $2::text[], $3::smallint[]) as u (tenant, destination, shard)
     where p.tenant_id = u.tenant and p.destination = u.destination and p.shard = u.shard and p.state = 'waking'`,
    refColumns(refs),
  );
}

/**
 * Takes a lock by name for as long as this connection lives, or says false. Needs one connection of its own that reaches the
 * server directly: behind a transaction pooler the lock would belong to whoever gets the server connection next.
 */
export async function tryAdvisoryLock(client: Db, name: string): Promise<boolean> {
  const [row] = await query<{ locked: boolean }>(
    client,
    'select pg_try_advisory_lock(hashtextextended($1, 0)) as locked',
    [name],
  );
  return row?.locked ?? false;
}

/** Makes the server end this session after `ms` without a statement (servers before 14 cannot, and do not). */
export async function endWhenIdle(client: Db, ms: number): Promise<void> {
  await query(client, `select set_config(name, $1, false) from pg_settings where name = 'idle_session_timeout'`, [
    String(ms),
  ]);
}

/** Gives back what `tryAdvisoryLock` took on the same connection. */
export async function releaseAdvisoryLock(client: Db, name: string): Promise<void> {
  await query(client, 'select pg_advisory_unlock(hashtextextended($1, 0))', [name]);
}
