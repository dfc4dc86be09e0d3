import type { Item } from './batch';
import type { BatchRow, EventRow, Postgres, Status } from './world';
import type { Rules } from './rules';

/** What a write of a drain answers. `fenced`, `revision` and `inconsistent` mean that nothing was written. */
export type Written = { readonly pg: Postgres } | 'fenced' | 'revision' | 'inconsistent' | 'already';

/** Each function is one statement of src/postgres and therefore atomic. */
export function takeOver(pg: Postgres): Postgres {
  return { ...pg, fence: pg.fence + 1 };
}

export function unsettled(pg: Postgres): readonly BatchRow[] {
  return pg.batches.filter((batch) => batch.seq > pg.settled);
}

export function inUnsettled(pg: Postgres, id: number): boolean {
  return pg.batches.some((batch) => batch.seq > pg.settled && batch.members.includes(id));
}

export function itemOf(pg: Postgres, id: number): Item | null {
  const row = pg.events[id - 1];
  return row === undefined || row.status === 'absent' ? null : { id, version: row.version, copy: row.copy };
}

/** hold-key.ts: an event of the live lane behind a parked one of its key and lane. Where it is kept meanwhile is not modelled. */
export function isWaiting(pg: Postgres, id: number): boolean {
  const row = pg.events[id - 1];
  if (row === undefined || row.key === null || row.lane !== 0 || row.status !== 'pending') return false;
  return pg.events
    .slice(0, id - 1)
    .some((other) => other.key === row.key && other.lane === 0 && other.status === 'failed');
}

/** withoutHeld: what of these may go on while one of them is being parked. */
export function withoutHeld(pg: Postgres, items: readonly Item[], poison: Item, rules: Rules): readonly Item[] {
  const from = pg.events[poison.id - 1];
  const waits = ({ id }: Item): boolean => {
    const row = pg.events[id - 1];
    return (
      from !== undefined &&
      from.lane === 0 &&
      from.key !== null &&
      row?.lane === 0 &&
      row.key === from.key &&
      id > poison.id
    );
  };
  return items.filter((item) => item !== poison && !(rules.holdKey && waits(item)));
}

/** claims.ts: pending, live lane first, then by id, without members of unsettled batches and without what waits. */
export function selectPending(pg: Postgres, limit: number, rules: Rules): readonly Item[] {
  const found: { item: Item; lane: number }[] = [];
  for (const [index, row] of pg.events.entries()) {
    const id = index + 1;
    if (row.status !== 'pending') continue;
    if (rules.excludeMembers && inUnsettled(pg, id)) continue;
    if (rules.holdKey && isWaiting(pg, id)) continue;
    if (!rules.noIdBound && id <= pg.bound) continue;
    found.push({ item: { id, version: row.version, copy: row.copy }, lane: row.lane });
  }
  return found
    .sort((a, b) => a.lane - b.lane || a.item.id - b.item.id)
    .slice(0, limit)
    .map(({ item }) => item);
}

/** batches.ts, recordBatch. */
export function recordBatch(
  pg: Postgres,
  write: { held: Held; seq: number; batchId: number; revision: number; items: readonly Item[]; now: number },
  rules: Rules,
): Written {
  if (!isHeld(pg, write.held, rules)) return 'fenced';
  const seq = rules.compareAndSet ? write.seq : pg.recorded + 1;
  if (pg.recorded !== seq - 1 || pg.settled < seq - 2) return 'inconsistent';
  if (rules.revisionChecked && pg.revision !== write.revision) return 'revision';
  const members = write.items.map((item) => item.id);
  const batch: BatchRow = { seq, batchId: write.batchId, members, recordedAt: write.now };
  const bound = rules.noIdBound ? 0 : Math.max(pg.bound, ...members);
  return { pg: { ...pg, recorded: seq, bound, batches: [...pg.batches, batch] } };
}

/** batches.ts, settleBatch. It sets the status of the members whatever it was. */
export function settleBatch(
  pg: Postgres,
  write: { held: Held; seq: number; batchId: number; items: readonly Item[]; now: number },
  rules: Rules,
): Written {
  if (rules.settleOnce) {
    if (!isHeld(pg, write.held, rules)) return 'fenced';
    const same = pg.batches.some((batch) => batch.seq === write.seq && batch.batchId === write.batchId);
    if (pg.settled >= write.seq) return 'already';
    if (pg.settled !== write.seq - 1 || !same) return 'inconsistent';
  }
  const settled = Math.max(pg.settled, write.seq);
  return {
    pg: {
      ...setStatus(pg, write.items, 'published'),
      settled,
      settledAt: write.now,
      batches: pg.batches.filter((batch) => batch.seq >= settled),
    },
  };
}

/** parking.ts, recordAnew: the one batch beyond the ledger by a smaller one of the same seq, or by none. */
export function recordAnew(
  pg: Postgres,
  write: {
    held: Held;
    seq: number;
    oldBatchId: number;
    batchId: number;
    kept: readonly Item[];
    parked: readonly Item[];
    now: number;
  },
  rules: Rules,
): Written {
  if (!isHeld(pg, write.held, rules)) return 'fenced';
  const old = pg.batches.find((batch) => batch.seq === write.seq && batch.batchId === write.oldBatchId);
  if (pg.recorded !== write.seq || pg.settled !== write.seq - 1 || old === undefined) return 'inconsistent';
  const others = pg.batches.filter((batch) => batch.seq !== write.seq);
  const anew = { ...old, batchId: write.batchId, members: write.kept.map((item) => item.id), recordedAt: write.now };
  const empty = write.kept.length === 0;
  return {
    pg: {
      ...setStatus(pg, write.parked, 'failed', 'pending'),
      recorded: empty ? write.seq - 1 : write.seq,
      revision: pg.revision + 1,
      batches: empty ? others : [...others, anew],
    },
  };
}

/** parking.ts, parkEvents: events of no batch. */
export function parkEvents(
  pg: Postgres,
  write: { held: Held; revision: number; parked: readonly Item[] },
  rules: Rules,
): Written {
  if (!isHeld(pg, write.held, rules)) return 'fenced';
  if (rules.revisionChecked && pg.revision !== write.revision) return 'revision';
  return { pg: { ...setStatus(pg, write.parked, 'failed', 'pending'), revision: pg.revision + 1 } };
}

export function changeRow(pg: Postgres, id: number, change: Partial<EventRow>): Postgres {
  return { ...pg, events: pg.events.map((row, index) => (index === id - 1 ? { ...row, ...change } : row)) };
}

function setStatus(pg: Postgres, items: readonly Item[], status: Status, only?: Status): Postgres {
  let result = pg;
  for (const { id } of items) {
    const row = result.events[id - 1];
    if (row === undefined || row.status === 'absent' || (only !== undefined && row.status !== only)) continue;
    result = changeRow(result, id, { status });
  }
  return result;
}

/** The right to write that D0 gave. */
export interface Held {
  readonly fence: number;
  readonly server: number;
}

export function isHeld(pg: Postgres, held: Held, rules: Rules): boolean {
  return !rules.pgFence || (pg.fence === held.fence && (!rules.serverFenced || pg.server === held.server));
}
