import type { Item } from './batch';
import { counted, isHeld, setStatus } from './postgres';
import type { Held, Recording, Written } from './postgres';
import type { Rules } from './rules';
import type { Postgres } from './world';

/** parking.ts, recordAnew: the one batch beyond the ledger by a smaller one of the same seq, or by none. */
export function recordAnew(
  pg: Postgres,
  write: Recording & { seq: number; oldBatchId: number; kept: readonly Item[]; parked: readonly Item[] },
  rules: Rules,
): Written {
  if (!isHeld(pg, write.held, rules)) return 'fenced';
  const old = pg.batches.find((batch) => batch.seq === write.seq && batch.batchId === write.oldBatchId);
  if (pg.recorded !== write.seq || pg.settled !== write.seq - 1 || old === undefined) return 'inconsistent';
  const others = pg.batches.filter((batch) => batch.seq !== write.seq);
  const { batchId, now, grant, kept } = write;
  const anew = { ...old, batchId, members: kept.map((item) => item.id), recordedAt: now, grant };
  const without = { ...pg, grants: counted(pg, old.grant, { events: -old.members.length }) };
  const empty = kept.length === 0;
  return {
    pg: {
      ...setStatus(pg, write.parked, 'failed', 'pending'),
      recorded: empty ? write.seq - 1 : write.seq,
      revision: pg.revision + 1,
      grants: counted(without, grant, { events: kept.length }),
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
