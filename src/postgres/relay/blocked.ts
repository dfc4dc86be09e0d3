import type { ErrorCode } from '../../domain/errors';
import type { PublisherRef } from '../../domain/publisher';
import { BLOCKED_LANE } from '../hold-key';
import { refColumns, refValues } from '../publishers';
import type { Db } from '../query';
import { query } from '../query';
import { HELD_ROW, IMPATIENT, MINE, holdValues, lostRelay } from './holds';
import type { HeldRelay } from './holds';

/** The row is read and written all the time: a tenant that invents topics must not make it grow without end. */
const MOST_KEPT = 200;
/** While a publisher sleeps, its topics are looked at again after this, then after twice as long each time, ms. */
const FIRST_LOOK_MS = 2_000;
const MOST_LOOK_MS = 60_000;

/** Why a topic takes no events. */
type TopicCode = Extract<ErrorCode, `KAFKA_TOPIC_${string}`>;

/** A sleeping publisher of which events wait for their topics. */
export interface TopicSleeper extends PublisherRef {
  /** Looks have found nothing new for half a minute and more: its breaker is to hear of it. */
  readonly long: boolean;
}

/** A topic for which events are set aside, with the code that the publisher's row has of it. */
export interface TopicAside {
  readonly topic: string;
  readonly code: TopicCode | null;
}

/** Topics for which events of the publisher are set aside: one index descent each. */
export async function blockedTopics(db: Db, ref: PublisherRef): Promise<readonly TopicAside[]> {
  return query<TopicAside & Record<string, unknown>>(
    db,
    `with recursive topics as (
       (select topic from outbox.events where tenant_id = $1 and destination = $2 and shard = $3 and status = 'pending'
          and lane = ${BLOCKED_LANE} order by topic limit 1)
       union all
       select n.topic from topics t cross join lateral (
         select e.topic from outbox.events e where e.tenant_id = $1 and e.destination = $2 and e.shard = $3 and e.status = 'pending'
           and e.lane = ${BLOCKED_LANE} and e.topic > t.topic order by e.topic limit 1) n
     )
     select t.topic, (select p.blocked ->> t.topic from outbox.publishers p where p.tenant_id = $1 and p.destination = $2 and p.shard = $3) as code
     from topics t limit ${MOST_KEPT}`,
    refValues(ref),
  );
}

/** The publisher's row says which topics take nothing, each with its error code, for whoever asks why events wait. */
export async function writeBlockedOnRelay(
  db: Db,
  held: HeldRelay,
  ref: PublisherRef,
  codes: ReadonlyMap<string, string>,
): Promise<void> {
  const kept = [...codes].slice(0, MOST_KEPT);
  const rows = await query(
    db,
    `with held as materialized (select ${IMPATIENT} from (${HELD_ROW}) h), written as (
       update outbox.publishers p set blocked = $7::jsonb, updated_at = clock_timestamp() from held
       where p.tenant_id = $4 and p.destination = $5 and p.shard = $6 and ${MINE}
     ) select 1 from held`,
    [...holdValues(held), ...refValues(ref), kept.length === 0 ? null : JSON.stringify(Object.fromEntries(kept))],
  );
  if (rows.length === 0) throw lostRelay(held, 'noting blocked topics');
}

/** Those whose topics are due to be looked at; the next look is noted with the same statement, so each is looked at by one worker. */
export async function dueForTopics(db: Db, limit: number): Promise<readonly TopicSleeper[]> {
  return query<TopicSleeper & Record<string, unknown>>(
    db,
    `update outbox.publishers p
     set topics_wait_ms = least(greatest(p.topics_wait_ms, ${FIRST_LOOK_MS}) * 2, ${MOST_LOOK_MS}),
         topics_at = clock_timestamp() + greatest(p.topics_wait_ms, ${FIRST_LOOK_MS}) * interval '1 ms'
     from (select tenant_id, destination, shard from outbox.publishers
           where topics_at < clock_timestamp() and state = 'held' order by topics_at limit $1 for update skip locked) d
     where p.tenant_id = d.tenant_id and p.destination = d.destination and p.shard = d.shard
     returning p.tenant_id as tenant, p.destination, p.shard::int, p.topics_wait_ms = ${MOST_LOOK_MS} as long`,
    [limit],
  );
}

/** A topic of theirs takes events again: they sleep with something to do, and the sweep wakes them. */
export async function wakeForTopics(db: Db, refs: readonly PublisherRef[]): Promise<void> {
  if (refs.length === 0) return;
  await query(
    db,
    `update outbox.publishers p set state = 'sleeping', topics_at = null, topics_wait_ms = 0, swept_at = null, sweep_backoff_ms = 0
     from unnest($1::text[], $2::text[], $3::smallint[]) as u (tenant, destination, shard)
     where p.tenant_id = u.tenant and p.destination = u.destination and p.shard = u.shard and p.state = 'held'`,
    refColumns(refs),
  );
}
