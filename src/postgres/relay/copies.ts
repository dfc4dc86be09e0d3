/**
 * What the statements that settle add for copies of replays, as further steps of the same statement. A copy that Kafka has is published
 * whatever its status says: it may have been paused or cancelled while it was on its way. The event's own row is not touched.
 *
 * Each wants a table expression `c` of members: tenant, id, replay, seq, partition, position.
 */

/**
 * The rows of the members that are not published yet, locked. `skipLocked`: without those whose row, or whose replay's row, another
 * transaction has.
 */
export function lockCopies(skipLocked: boolean): string {
  const free = `, free_replays as materialized (
       select s.tenant_id, s.replay_id from outbox.replays s
       where (s.tenant_id, s.replay_id) in (select c.tenant, c.replay from c) for no key update of s skip locked
     )`;
  return `${skipLocked ? free : ''}, copies as materialized (
       select r.tenant_id, r.event_id, r.replay_id, r.status as was, c.seq, c.partition, c.position
       from held cross join c
       join outbox.replay_events r on r.tenant_id = c.tenant and r.event_id = c.id and r.replay_id = c.replay and r.status <> 'published'
       ${skipLocked ? 'join free_replays f on f.tenant_id = r.tenant_id and f.replay_id = r.replay_id' : ''}
       for no key update of r${skipLocked ? ' skip locked' : ''}
     )`;
}

/** Marks what `copies` holds and counts it in the rows of the replays, whose progress is then exact without counting a million rows. */
export const PUBLISH_COPIES = `, copied as (
       update outbox.replay_events r
       set status = 'published', published_at = clock_timestamp(), topic_partition = m.partition, topic_offset = m.position,
           batch_relay = $1, batch_seq = m.seq, error_code = null, error_reason = null, failed_at = null
       from (select c.*, coalesce(octet_length(e.payload), 0) as bytes
             from copies c left join outbox.events e on e.tenant_id = c.tenant_id and e.event_id = c.event_id) m
       where r.tenant_id = m.tenant_id and r.event_id = m.event_id and r.replay_id = m.replay_id
       returning r.tenant_id, r.destination, r.shard, r.event_id, r.replay_id, m.was, m.bytes
     )`;

/** Counts `from`, which has was = null for a copy that was not there. */
export function countCopies(from: string): string {
  return `, replays_counted as (
       update outbox.replays s
       set published = s.published + c.n, fed = s.fed + c.outside, cancelled = s.cancelled - c.cancelled, failed = s.failed - c.failed
       from (select tenant_id, replay_id, count(*) as n, count(*) filter (where was is null or was in ('paused', 'retried')) as outside,
               count(*) filter (where was = 'cancelled') as cancelled, count(*) filter (where was = 'failed') as failed
             from ${from} group by tenant_id, replay_id) c
       where s.tenant_id = c.tenant_id and s.replay_id = c.replay_id
     )`;
}

/** A member of a batch that is a copy. */
export interface CopyMember {
  readonly tenant: string;
  readonly eventId: string;
  readonly replayId: string;
  readonly fingerprint: number;
  readonly seq: number;
  readonly partition: number | null;
  readonly offset: string | null;
}

/** Seven arrays, for `copyMembers`. */
export function copyValues(copies: readonly CopyMember[]): unknown[] {
  return [
    copies.map((c) => c.tenant),
    copies.map((c) => c.eventId),
    copies.map((c) => c.replayId),
    copies.map((c) => c.fingerprint),
    copies.map((c) => c.seq),
    copies.map((c) => c.partition),
    copies.map((c) => c.offset),
  ];
}

/** The members of `copyValues`, whose parameters begin with number `first`. */
export function copyMembers(first: number, name = 'c'): string {
  const types = ['text', 'bigint', 'text', 'bigint', 'bigint', 'int', 'bigint'];
  const arrays = types.map((type, i) => `$${first + i}::${type}[]`).join(', ');
  return `, ${name} as materialized (
       select * from unnest(${arrays}) as c (tenant, id, replay, fingerprint, seq, partition, position)
     )`;
}
