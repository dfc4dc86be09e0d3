import type { Item } from './batch';
import type { BatchRow, EventRow, GrantTotals, Orders, Postgres, Status } from './world';
import type { Rules } from './rules';

/** What a write of a drain answers. `fenced`, `paused`, `revision` and `inconsistent` mean that nothing was written. */
export type Written = { readonly pg: Postgres } | 'fenced' | 'paused' | 'revision' | 'inconsistent' | 'already';

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
  write: Recording & { seq: number; revision: number; items: readonly Item[] },
  rules: Rules,
): Written {
  if (!isHeld(pg, write.held, rules)) return 'fenced';
  const seq = rules.compareAndSet ? write.seq : pg.recorded + 1;
  if (pg.recorded !== seq - 1 || pg.settled < seq - 2) return 'inconsistent';
  if (rules.pauseAtRecord && isStopped(pg.orders)) return 'paused';
  if (rules.revisionChecked && pg.revision !== write.revision) return 'revision';
  const members = write.items.map((item) => item.id);
  const { batchId, now, grant } = write;
  const batch: BatchRow = { seq, batchId, members, recordedAt: now, grant };
  const bound = rules.noIdBound ? 0 : Math.max(pg.bound, ...members);
  const grants = counted(pg, grant, { events: members.length });
  return { pg: { ...pg, recorded: seq, bound, grants, batches: [...pg.batches, batch] } };
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
  const grant = pg.batches.find((batch) => batch.batchId === write.batchId)?.grant ?? 0;
  return {
    pg: {
      ...setStatus(pg, write.items, 'published'),
      settled,
      settledAt: write.now,
      grants: counted(pg, grant, { settled: write.items.length }),
      batches: pg.batches.filter((batch) => batch.seq >= settled),
    },
  };
}

export function changeRow(pg: Postgres, id: number, change: Partial<EventRow>): Postgres {
  return { ...pg, events: pg.events.map((row, index) => (index === id - 1 ? { ...row, ...change } : row)) };
}

export function setStatus(pg: Postgres, items: readonly Item[], status: Status, only?: Status): Postgres {
  let result = pg;
  for (const { id } of items) {
    const row = result.events[id - 1];
    if (row === undefined || row.status === 'absent' || (only !== undefined && row.status !== only)) continue;
    result = changeRow(result, id, { status });
  }
  return result;
}

/** What every recording says. */
export interface Recording {
  readonly held: Held;
  readonly batchId: number;
  readonly now: number;
  readonly grant: number;
}

/** STOPPED of batches.ts: an operator stopped this publisher or all of them. */
export function isStopped({ paused, heldOpen, allPaused }: Orders): boolean {
  return paused || heldOpen || allPaused;
}

/** grantTotals of batches.ts, kept as the sums that it would answer. */
export function counted(pg: Postgres, grant: number, more: Partial<GrantTotals>): readonly GrantTotals[] {
  if (grant === 0) return pg.grants;
  const { events = 0, settled = 0 } = more;
  return pg.grants.map((old, index) =>
    index === grant - 1 ? { events: old.events + events, settled: old.settled + settled } : old,
  );
}

/** The right to write that D0 gave. */
export interface Held {
  readonly fence: number;
  readonly server: number;
}

export function isHeld(pg: Postgres, held: Held, rules: Rules): boolean {
  return !rules.pgFence || (pg.fence === held.fence && (!rules.serverFenced || pg.server === held.server));
}
