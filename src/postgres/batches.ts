import { OutboxError } from '../domain/errors';
import type { PublisherRef } from '../domain/publisher';
import type { UnsettledBatch } from '../domain/settlement';
import type { Db } from './query';
import { query } from './query';
import { ALL_PAUSED } from './global-pause';
import type { Held } from './held';
import { MINE, RUNNING, heldValues, inconsistent, readHeld } from './held';
import { refOf, refValues } from './publishers';

export interface NewBatch extends Held {
  /** `recorded` + 1, counted by the drain in memory and compared here. */
  readonly seq: number;
  /** The revision that the events were selected under. */
  readonly revision: number;
  readonly batchId: string;
  readonly grantId: string;
  readonly eventIds: readonly string[];
  /** Aligned with `eventIds`: the copy, or 0 for the event itself; null = no copies. */
  readonly copyIds?: readonly string[] | null;
  /** Sum of payload bytes. */
  readonly bytes: number;
}

/** A recorded batch that is not settled yet, with its members in order. */
export interface RecordedBatch extends UnsettledBatch {
  readonly grantId: string;
  readonly eventIds: readonly string[];
  readonly copyIds: readonly string[] | null;
  readonly bytes: number;
  /** How often it was recorded anew. */
  readonly attempts: number;
}

/**
 * An operator stopped this publisher or all of them while a drain runs. Looked at where a batch is recorded, because from
 * there on it will be sent: what was set before is in force for every batch recorded after, and the batch in flight is the last.
 */
const STOPPED = `(paused is not null and coalesce((paused ->> 'until')::float8 / 1000 > extract(epoch from clock_timestamp()), true))
  or limits ? 'heldOpen' or ${ALL_PAUSED}`;

/** D3. Throws PAUSED when an operator paused it meanwhile, REVISION_CHANGED when an operator or replay touched pending events since the selection: select again. */
export async function recordBatch(db: Db, batch: NewBatch): Promise<void> {
  const rows = await query(
    db,
    `with held as (
       update outbox.publishers set recorded = $5, ${RUNNING}
       where ${MINE} and recorded = $5::bigint - 1 and settled >= $5::bigint - 2 and revision = $6 and not (${STOPPED})
       returning 1
     )
     insert into outbox.batches (tenant_id, destination, shard, seq, batch_id, grant_id, event_ids, events, bytes, copy_ids)
     select $1, $2, $3, $5, $7, $8, $9::bigint[], cardinality($9::bigint[]), $10, $11::bigint[] from held
     returning 1`,
    [
      ...heldValues(batch),
      batch.seq,
      batch.revision,
      batch.batchId,
      batch.grantId,
      batch.eventIds,
      batch.bytes,
      batch.copyIds ?? null,
    ],
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
  const [stopped] = await query<{ stopped: boolean }>(
    db,
    `select ${STOPPED} as stopped from outbox.publishers where tenant_id = $1 and destination = $2 and shard = $3`,
    refValues(batch.ref),
  );
  if (stopped?.stopped === true) {
    throw new OutboxError('PAUSED', 'Publishing was paused since the drain began. It goes on when that ends.');
  }
  throw new OutboxError('REVISION_CHANGED', 'Pending events were changed since they were selected. Select again.', {
    details: { ...refOf(batch.ref), selected: batch.revision, found: row.revision },
  });
}

/** Recorded and not settled, oldest first: at most two. */
export async function unsettledBatches(db: Db, ref: PublisherRef): Promise<RecordedBatch[]> {
  return query<RecordedBatch & Record<string, unknown>>(
    db,
    `select seq::float8, batch_id as "batchId", grant_id as "grantId", event_ids as "eventIds", copy_ids as "copyIds", bytes::float8, attempts,
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
