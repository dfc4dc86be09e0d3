import { OutboxError } from '../domain/errors';
import type { Held } from './held';
import { MINE, heldValues, inconsistent, readHeld } from './held';
import type { Db } from './query';
import { query } from './query';
import { parkCopies } from './replay-writes';
import { refOf } from './publishers';

/** An event that can never be sent: kept, with status failed, a code and a reason. */
export interface Parked {
  readonly eventId: string;
  /** It is a copy that is parked, not the event. */
  readonly copyId?: string | undefined;
  readonly code: string;
  readonly reason: string;
}

/** Attempts count refusals of that very event, never outages, so the refusal that parks it counts as one. */
const park = (ids: string, codes: string, reasons: string): string => `
  update outbox.events e
  set status = 'failed', error_code = u.code, error_reason = u.reason, failed_at = clock_timestamp(), attempts = e.attempts + 1
  from held, unnest(${ids}::bigint[], ${codes}::text[], ${reasons}::text[]) as u (id, code, reason)
  where e.tenant_id = $1 and e.event_id = u.id and e.status = 'pending'`;

/**
 * Replaces the one batch beyond the ledger by another of the same `seq` (fewer events, a new id), or removes it when no
 * event is left, parks what it must not hold again and counts the refusal of what is tried once more. Only after D0–D1 showed
 * that Kafka did not commit the old one.
 * Raises the revision, so that nothing selected before can be recorded; returns the new one.
 */
export async function recordAnew(
  db: Db,
  batch: Held & {
    readonly seq: number;
    readonly oldBatchId: string;
    readonly batchId: string;
    readonly grantId: string;
    readonly eventIds: readonly string[];
    readonly copyIds?: readonly string[] | null;
    readonly bytes: number;
    readonly parked: readonly Parked[];
    /** Refused, but not often enough to be parked. */
    readonly refused?: readonly string[];
  },
): Promise<{ revision: number }> {
  const empty = batch.eventIds.length === 0;
  const isBatch = 'b.tenant_id = $1 and b.destination = $2 and b.shard = $3 and b.seq = $5';
  const replace = empty
    ? `delete from outbox.batches b using held where ${isBatch}`
    : `update outbox.batches b
       set batch_id = $14, grant_id = $15, event_ids = $16::bigint[], events = cardinality($16::bigint[]), bytes = $17, copy_ids = $18::bigint[],
           attempts = b.attempts + 1, recorded_at = clock_timestamp()
       from held where ${isBatch}`;
  const rows = await query<{ revision: number }>(
    db,
    `with held as (
       update outbox.publishers p
       set recorded = $5::bigint - ${empty ? 1 : 0}, revision = revision + 1, updated_at = clock_timestamp()
       where ${MINE} and recorded = $5 and settled = $5::bigint - 1 and exists (
         select from outbox.batches b where ${isBatch} and b.batch_id = $6 and b.settled_at is null)
       returning revision
     ), replaced as (${replace}), parked as (${park('$7', '$8', '$9')}), counted as (
       update outbox.events e set attempts = e.attempts + 1 from held
       where e.tenant_id = $1 and e.event_id = any ($13::bigint[]) and e.status = 'pending'
     )${parkCopies('$10', '$11', '$12')}
     select revision::float8 from held`,
    [
      ...heldValues(batch),
      batch.seq,
      batch.oldBatchId,
      ...parkedColumns(batch.parked),
      batch.refused ?? [],
      ...(empty ? [] : [batch.batchId, batch.grantId, batch.eventIds, batch.bytes, batch.copyIds ?? null]),
    ],
  );
  const row = rows[0];
  if (row !== undefined) return row;
  const found = await readHeld(db, batch);
  throw inconsistent(
    batch,
    `cannot record ${batch.seq} anew in place of ${batch.oldBatchId}: recorded ${found.recorded}, settled ${found.settled}`,
  );
}

/**
 * Parks events that are in no batch. With `revision` only under it (else REVISION_CHANGED). Returns the raised revision:
 * what the caller selected before, without the parked events, may be recorded under it.
 */
export async function parkEvents(
  db: Db,
  write: Held & { readonly revision?: number; readonly parked: readonly Parked[] },
): Promise<{ revision: number }> {
  const rows = await query<{ revision: number }>(
    db,
    `with held as (
       update outbox.publishers set revision = revision + 1, updated_at = clock_timestamp()
       where ${MINE} and ($5::bigint is null or revision = $5) returning revision
     ), parked as (${park('$6', '$7', '$8')})${parkCopies('$9', '$10', '$11')}
     select revision::float8 from held`,
    [...heldValues(write), write.revision ?? null, ...parkedColumns(write.parked)],
  );
  const row = rows[0];
  if (row !== undefined) return row;
  const found = await readHeld(db, write);
  throw new OutboxError('REVISION_CHANGED', 'Pending events were changed since they were selected. Select again.', {
    details: { ...refOf(write.ref), selected: write.revision ?? null, found: found.revision },
  });
}

/** Ids, codes and reasons of the events, then those of the copies. */
function parkedColumns(parked: readonly Parked[]): string[][] {
  const columns = (some: readonly Parked[]): string[][] => [
    some.map((p) => p.copyId ?? p.eventId),
    some.map((p) => p.code),
    some.map((p) => p.reason.slice(0, 2000)),
  ];
  return [
    ...columns(parked.filter((p) => p.copyId === undefined)),
    ...columns(parked.filter((p) => p.copyId !== undefined)),
  ];
}
