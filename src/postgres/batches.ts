import { OutboxError } from '../domain/errors';
import type { PublisherRef } from '../domain/publisher';
import type { UnsettledBatch } from '../domain/settlement';
import type { Db } from './query';
import { query } from './query';
import { RUNNING_MS, fenced, readPublisher, refOf, refValues } from './publishers';

/** Names a drain's right to write: every write below finds 0 rows under another fence and then throws FENCED. */
export interface Held {
  readonly ref: PublisherRef;
  readonly fence: number;
}

export interface NewBatch extends Held {
  /** `recorded` + 1, counted by the drain in memory and compared here. */
  readonly seq: number;
  /** The revision that the events were selected under. */
  readonly revision: number;
  readonly batchId: string;
  readonly grantId: string;
  readonly eventIds: readonly string[];
  /** Sum of payload bytes. */
  readonly bytes: number;
}

/** A recorded batch that is not settled yet, with its members in order. */
export interface RecordedBatch extends UnsettledBatch {
  readonly grantId: string;
  readonly eventIds: readonly string[];
  readonly bytes: number;
  /** How often it was recorded anew. */
  readonly attempts: number;
}

// Each write is one statement whose first step updates the publisher's row: it waits for that row's lock, compares the fence
// again after the wait, and everything after it hangs on the row it returned. One round trip in place of five, and no
// transaction of a drain ever stays open between two of its steps.
const RENEWED = `state_until = case when state = 'running'
  then clock_timestamp() + ${RUNNING_MS} * interval '1 ms' else state_until end, updated_at = clock_timestamp()`;
const MINE = 'tenant_id = $1 and destination = $2 and shard = $3 and fence = $4';

/** D3. Throws REVISION_CHANGED when an operator or replay touched pending events since the selection: select again. */
export async function recordBatch(db: Db, batch: NewBatch): Promise<void> {
  const rows = await query(
    db,
    `with held as (
       update outbox.publishers set recorded = $5, ${RENEWED}
       where ${MINE} and recorded = $5::bigint - 1 and settled >= $5::bigint - 2 and revision = $6
       returning 1
     )
     insert into outbox.batches (tenant_id, destination, shard, seq, batch_id, grant_id, event_ids, events, bytes)
     select $1, $2, $3, $5, $7, $8, $9::bigint[], cardinality($9::bigint[]), $10 from held
     returning 1`,
    [...heldValues(batch), batch.seq, batch.revision, batch.batchId, batch.grantId, batch.eventIds, batch.bytes],
  );
  if (rows.length === 0) await explainRecord(db, batch);
}

async function explainRecord(db: Db, batch: NewBatch): Promise<void> {
  const row = await readHeld(db, batch);
  if (row.recorded === batch.seq) {
    // The answer to an earlier try was lost, the batch is there.
    const same = await unsettledBatches(db, batch.ref);
    if (same.some((other) => other.seq === batch.seq && other.batchId === batch.batchId)) return;
  }
  if (row.recorded !== batch.seq - 1 || row.settled < batch.seq - 2) {
    throw inconsistent(batch, `cannot record ${batch.seq} after recorded ${row.recorded}, settled ${row.settled}`);
  }
  throw new OutboxError('REVISION_CHANGED', 'Pending events were changed since they were selected. Select again.', {
    details: { ...refOf(batch.ref), selected: batch.revision, found: row.revision },
  });
}

/**
 * D5: publishes the events of a batch that the ledger holds. `placements` null = unknown, partition and offset stay null.
 * Returns false if it was settled before. Batches settle in order of `seq`.
 */
export async function settleBatch(
  db: Db,
  batch: Held & {
    readonly seq: number;
    readonly batchId: string;
    readonly placements:
      readonly { readonly eventId: string; readonly partition: number; readonly offset: string }[] | null;
  },
): Promise<boolean> {
  const placed = batch.placements;
  const members =
    placed === null
      ? `(select unnest(b.event_ids) as id, null::int as partition, null::bigint as position from outbox.batches b
          where b.tenant_id = $1 and b.destination = $2 and b.shard = $3 and b.seq = $5)`
      : 'unnest($7::bigint[], $8::int[], $9::bigint[])';
  const rows = await query(
    db,
    `with held as (
       update outbox.publishers p set settled = $5, settled_at = clock_timestamp(), sweep_backoff_ms = 0, ${RENEWED}
       where ${MINE} and settled = $5::bigint - 1 and exists (
         select from outbox.batches b where b.tenant_id = p.tenant_id and b.destination = p.destination
           and b.shard = p.shard and b.seq = $5 and b.batch_id = $6 and b.settled_at is null)
       returning p.settled_at
     ), batch as (
       update outbox.batches b set settled_at = held.settled_at from held
       where b.tenant_id = $1 and b.destination = $2 and b.shard = $3 and b.seq = $5
     ), published as (
       update outbox.events e
       set status = 'published', published_at = held.settled_at, batch_id = $6, topic_partition = m.partition,
           topic_offset = m.position, error_code = null, error_reason = null
       from held, ${members} as m (id, partition, position)
       where e.tenant_id = $1 and e.event_id = m.id
     )
     select 1 from held`,
    [
      ...heldValues(batch),
      batch.seq,
      batch.batchId,
      ...(placed === null
        ? []
        : [placed.map((p) => p.eventId), placed.map((p) => p.partition), placed.map((p) => p.offset)]),
    ],
  );
  if (rows.length > 0) return true;
  const row = await readHeld(db, batch);
  if (row.settled >= batch.seq) return false;
  throw inconsistent(
    batch,
    `cannot settle ${batch.seq} as ${batch.batchId}: settled ${row.settled}, recorded ${row.recorded}`,
  );
}

/** Recorded and not settled, oldest first: at most two. */
export async function unsettledBatches(db: Db, ref: PublisherRef): Promise<RecordedBatch[]> {
  return query<RecordedBatch & Record<string, unknown>>(
    db,
    `select seq::float8, batch_id as "batchId", grant_id as "grantId", event_ids as "eventIds", bytes::float8, attempts,
            (extract(epoch from recorded_at) * 1000)::float8 as "recordedAt"
     from outbox.batches
     where tenant_id = $1 and destination = $2 and shard = $3 and settled_at is null order by seq`,
    refValues(ref),
  );
}

/** What was recorded under a grant so far, by any attempt, and how many events of it are settled. */
export async function grantTotals(
  db: Db,
  ref: PublisherRef,
  grantId: string,
): Promise<{ batches: number; events: number; bytes: number; settled: number }> {
  const rows = await query<{ batches: number; events: number; bytes: number; settled: number }>(
    db,
    `select count(*)::int as batches, coalesce(sum(events), 0)::float8 as events, coalesce(sum(bytes), 0)::float8 as bytes,
            coalesce(sum(events) filter (where settled_at is not null), 0)::float8 as settled
     from outbox.batches where tenant_id = $1 and destination = $2 and shard = $3 and grant_id = $4`,
    [...refValues(ref), grantId],
  );
  return rows[0] ?? { batches: 0, events: 0, bytes: 0, settled: 0 };
}

/** $1 to $4 of every write of a drain. */
export function heldValues(held: Held): unknown[] {
  return [...refValues(held.ref), held.fence];
}

/** The row if the fence is still ours, else throws FENCED. */
export async function readHeld(db: Db, held: Held): Promise<{ recorded: number; settled: number; revision: number }> {
  const row = await readPublisher(db, held.ref);
  if (row === null || row.fence !== held.fence) throw fenced(held.ref, held.fence, row);
  return row;
}

export function inconsistent(held: Held, facts: string): OutboxError {
  return new OutboxError(
    'LEDGER_MISMATCH',
    `The publisher's row and its drain disagree although the fence is the same: ${facts}. Was the database restored? An operator must decide: unhalt.`,
    { details: { ...refOf(held.ref), fence: held.fence } },
  );
}
