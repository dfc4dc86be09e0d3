import type { Held } from './held';
import { MINE, RENEWED, heldValues, inconsistent, readHeld } from './held';
import type { Db } from './query';
import { idBounds } from './id-bounds';
import { query } from './query';
import { settleCopies } from './replay-writes';

/** Where a member of a batch went. `copyId`: it is a copy that a replay made of the event. */
export interface Place {
  readonly eventId: string;
  readonly copyId?: string | undefined;
  readonly partition: number;
  readonly offset: string;
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
    readonly placements: readonly Place[] | null;
  },
): Promise<boolean> {
  const placed = batch.placements?.filter((place) => place.copyId === undefined) ?? null;
  const copies = batch.placements?.filter((place) => place.copyId !== undefined) ?? null;
  const recorded = (column: 'id' | 'copy'): string =>
    `(select u.${column}, null::int as partition, null::bigint as position from outbox.batches b, unnest(b.event_ids, b.copy_ids) u (id, copy)
      where b.tenant_id = $1 and b.destination = $2 and b.shard = $3 and b.seq = $5 and coalesce(u.copy, 0) ${column === 'id' ? '=' : '<>'} 0)`;
  const members = placed === null ? recorded('id') : 'unnest($7::bigint[], $8::int[], $9::bigint[])';
  const copied = copies === null ? recorded('copy') : 'unnest($12::bigint[], $13::int[], $14::bigint[])';
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
       where e.tenant_id = $1 and e.event_id = m.id ${placed === null ? '' : 'and e.event_id between $10 and $11'}
     )${copies?.length === 0 ? '' : settleCopies(copied, '$6', copies === null ? null : ['$15', '$16'])}
     select 1 from held`,
    [
      ...heldValues(batch),
      batch.seq,
      batch.batchId,
      ...(placed === null
        ? []
        : [
            placed.map((p) => p.eventId),
            placed.map((p) => p.partition),
            placed.map((p) => p.offset),
            // Says nothing new, but shows the planner how narrow the batch is: without it a tenant's whole history was scanned.
            ...idBounds(placed.map((p) => p.eventId)),
          ]),
      ...(copies === null || copies.length === 0
        ? []
        : [
            copies.map((p) => p.copyId),
            copies.map((p) => p.partition),
            copies.map((p) => p.offset),
            ...idBounds(copies.map((p) => p.copyId ?? '0')),
          ]),
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
