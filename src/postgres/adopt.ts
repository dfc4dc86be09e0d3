import { OutboxError } from '../domain/errors';
import type { PublisherRef } from '../domain/publisher';
import type { Held } from './held';
import { MINE, RENEWED, heldValues, readHeld } from './held';
import { refValues } from './publishers';
import { countCopies } from './replay-writes';
import type { Db } from './query';
import { query } from './query';

const FOUND = `unnest($5::bigint[], $6::text[], $7::uuid[], $8::int[], $9::bigint[], $10::text[])
         as f (id, dedupe_key, batch_id, partition, position, replay_id)`;

/** Topics of what this publisher has not published, copies of replays too, and since when (ms since epoch); null = nothing. */
export async function unpublishedTopics(
  db: Db,
  ref: PublisherRef,
): Promise<{ readonly topics: readonly string[]; readonly sinceMs: number } | null> {
  const rows = await query<{ topic: string; since: number }>(
    db,
    `select topic, min(extract(epoch from created_at) * 1000)::float8 as since from (
       select topic, created_at from outbox.events
       where tenant_id = $1 and destination = $2 and shard = $3 and status = 'pending'
       union all
       select topic, created_at from outbox.events
       where tenant_id = $1 and destination = $2 and shard = $3 and status in ('failed', 'skipped')
       union all
       select e.topic, e.created_at from outbox.replay_events r
       join outbox.events e on e.tenant_id = $1 and e.event_id = r.event_id
       where r.tenant_id = $1 and r.destination = $2 and r.shard = $3 and r.status = 'pending') e
     group by topic order by topic`,
    refValues(ref),
  );
  if (rows.length === 0) return null;
  return { topics: rows.map((row) => row.topic), sinceMs: Math.min(...rows.map((row) => row.since)) };
}

/** The last place of each partition of these topics that this publisher is known to have published to. */
export async function knownPlaces(
  db: Db,
  ref: PublisherRef,
  topics: readonly string[],
): Promise<{ topic: string; partition: number; offset: number }[]> {
  return query(
    db,
    `select topic, topic_partition as partition, max(topic_offset)::float8 as "offset" from outbox.events
     where tenant_id = $1 and destination = $2 and shard = $3 and status = 'published' and topic = any ($4::text[])
       and topic_partition is not null
     group by topic, topic_partition`,
    [...refValues(ref), topics],
  );
}

/**
 * Marks as published what was found in Kafka. An event is the same only if id and dedupe key are: a database that lost events
 * gives their ids again. Copies that a replay made count for themselves. Answers how many events and copies were not published
 * before. Throws FENCED.
 */
export async function adoptPublished(
  db: Db,
  write: Held & {
    readonly found: readonly {
      readonly eventId: string;
      readonly dedupeKey: string;
      readonly replayId: string | null;
      readonly batchId: string;
      readonly partition: number;
      readonly offset: string;
    }[];
  },
): Promise<number> {
  const { found } = write;
  const [row] = await query<{ held: number; adopted: number }>(
    db,
    `with held as (
       update outbox.publishers set ${RENEWED} where ${MINE} returning 1
     ), adopted as (
       update outbox.events e
       set status = 'published', published_at = clock_timestamp(), batch_id = f.batch_id, topic_partition = f.partition,
           topic_offset = f.position, error_code = null, error_reason = null
       from held, ${FOUND}
       where e.tenant_id = $1 and e.event_id = f.id and e.dedupe_key = f.dedupe_key and f.replay_id is null
         and e.status <> 'published' and e.destination = $2 and e.shard = $3
       returning 1
     ), copied as (
       update outbox.replay_events r
       set status = 'published', published_at = clock_timestamp(), batch_id = f.batch_id, topic_partition = f.partition,
           topic_offset = f.position
       from held, ${FOUND}, outbox.events e
       where r.tenant_id = $1 and r.event_id = f.id and r.replay_id = f.replay_id and r.status = 'pending'
         and r.destination = $2 and r.shard = $3 and e.tenant_id = $1 and e.event_id = f.id and e.dedupe_key = f.dedupe_key
       returning r.replay_id
     )${countCopies('copied', 'published')}
     select (select count(*)::int from held) as held,
            (select count(*)::int from adopted) + (select count(*)::int from copied) as adopted`,
    [
      ...heldValues(write),
      found.map((message) => message.eventId),
      found.map((message) => message.dedupeKey),
      found.map((message) => message.batchId),
      found.map((message) => message.partition),
      found.map((message) => message.offset),
      found.map((message) => message.replayId),
    ],
  );
  if (row === undefined || row.held === 0) await readHeld(db, write);
  return row?.adopted ?? 0;
}

/**
 * The row follows the ledger: batch `seq` is the last recorded and settled one. Every unsettled batch goes; what of their
 * members Kafka does not hold is pending and will be claimed anew. Throws FENCED.
 */
export async function adoptLedger(
  db: Db,
  write: Held & { readonly seq: number; readonly batchId: string; readonly eventIds: readonly string[] },
): Promise<void> {
  await underFence(
    db,
    write,
    `with held as (
       update outbox.publishers
       set recorded = $5, settled = $5, settled_at = clock_timestamp(), revision = revision + 1, ${RENEWED}
       where ${MINE} and settled <= $5 returning 1
     ), dropped as (
       delete from outbox.batches b using held
       where b.tenant_id = $1 and b.destination = $2 and b.shard = $3 and b.settled_at is null and b.seq <> $5
     ), kept as (
       insert into outbox.batches as b
         (tenant_id, destination, shard, seq, batch_id, grant_id, event_ids, events, bytes, settled_at)
       select $1, $2, $3, $5, $6, 'adopted', $7::bigint[], cardinality($7::bigint[]), 0, clock_timestamp() from held
       on conflict (tenant_id, destination, shard, seq) do update
         set batch_id = excluded.batch_id, event_ids = excluded.event_ids, copy_ids = null, events = excluded.events,
             settled_at = excluded.settled_at
     )
     select 1 from held`,
    [write.seq, write.batchId, write.eventIds],
  );
}

/** Forgets the unsettled batches: their members are pending and will be claimed anew. `seq` is the last batch from now on. Throws FENCED. */
export async function dropUnsettled(db: Db, write: Held & { readonly seq: number }): Promise<void> {
  await underFence(
    db,
    write,
    `with held as (
       update outbox.publishers
       set recorded = $5, settled = $5, settled_at = clock_timestamp(), revision = revision + 1, ${RENEWED}
       where ${MINE} and settled <= $5 and recorded >= $5 returning 1
     ), dropped as (
       delete from outbox.batches b using held
       where b.tenant_id = $1 and b.destination = $2 and b.shard = $3 and b.settled_at is null
     )
     select 1 from held`,
    [write.seq],
  );
}

async function underFence(db: Db, held: Held, statement: string, values: unknown[]): Promise<void> {
  const rows = await query(db, statement, [...heldValues(held), ...values]);
  if (rows.length > 0) return;
  await readHeld(db, held);
  throw new OutboxError('LEDGER_MISMATCH', 'The row changed while the halt was being ended. Look at both sides again.');
}

/** How many of these events are not stored. */
export async function countMissing(db: Db, tenant: string, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return 0;
  const [row] = await query<{ missing: number }>(
    db,
    `select count(*)::int as missing from unnest($2::bigint[]) as u (id)
     where not exists (select from outbox.events e where e.tenant_id = $1 and e.event_id = u.id)`,
    [tenant, ids],
  );
  return row?.missing ?? 0;
}
