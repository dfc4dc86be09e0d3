import { overspent } from './control-invariants';
import { RETENTION } from './scope';
import type { Scope } from './scope';
import { inUnsettled, unsettled } from './postgres';
import type { Item } from './batch';
import type { World } from './world';

/** The promises, checked in every reachable state. Answers what is broken, or null. */
export function violation(scope: Scope, world: World): string | null {
  return (
    duplicate(world) ??
    falselyPublished(world) ??
    takenBack(world) ??
    orderBreak(scope, world) ??
    overspent(world) ??
    (scope.harmOnly === true ? null : (tooMany(world) ?? needlessHalt(world)))
  );
}

const same = (a: Item, b: Item): boolean => a.id === b.id && a.version === b.version && a.copy === b.copy;

/** Exactly once: per event and replay. */
function duplicate({ kafka }: World): string | null {
  const twice = kafka.log.find((item, index) => kafka.log.findIndex((other) => same(item, other)) < index);
  return twice === undefined ? null : `e${twice.id} is in the log twice`;
}

/** Nothing is marked published that is not in the log: it would never be sent. */
function falselyPublished({ pg, kafka }: World): string | null {
  for (const [index, row] of pg.events.entries()) {
    const item = { id: index + 1, version: row.version, copy: row.copy };
    if (row.status === 'published' && !kafka.log.some((other) => same(item, other))) {
      return `e${item.id} is published, but not in the log: lost`;
    }
  }
  return null;
}

/**
 * What an operator skipped or a drain parked is not published. After a fail-over that lost writes of drains only once both
 * sides agree again: until then the next D1 halts.
 */
function takenBack({ pg, kafka, lost }: World): string | null {
  for (const [index, row] of pg.events.entries()) {
    if (row.status !== 'failed' && row.status !== 'skipped') continue;
    const item = { id: index + 1, version: row.version, copy: row.copy };
    if (inUnsettled(pg, item.id)) return `e${item.id} is ${row.status} and in a batch to send`;
    if (!lost.drains && kafka.log.some((other) => same(item, other))) {
      return `e${item.id} is ${row.status}, but in the log`;
    }
  }
  return null;
}

/**
 * Events of one key, the first committed before the second began: in this order, unless the first was given up. Parking the first
 * is no excuse: the second waits.
 */
function orderBreak(scope: Scope, { pg, kafka, lost }: World): string | null {
  if (lost.changes) return null;
  for (const [index, plan] of scope.events.entries()) {
    if (plan.key === null || plan.after === null) continue;
    const [first, second] = [plan.after, index + 1].map((id) => {
      return kafka.log.findIndex((item) => item.id === id && item.copy === 0);
    }) as [number, number];
    const before = pg.events[plan.after - 1];
    const exempt = before === undefined || before.status === 'skipped' || before.status === 'absent';
    if (!exempt && second >= 0 && (first < 0 || first > second)) {
      return `e${index + 1} is in the log before e${plan.after} of the same key`;
    }
  }
  return null;
}

/** At most one batch beyond the ledger, and at most two unsettled. */
function tooMany({ pg, kafka }: World): string | null {
  const committed = (kafka.unapplied ?? kafka.ledger)?.seq ?? (kafka.log.length === 0 ? 0 : undefined);
  if (unsettled(pg).length > 2) return 'more than two unsettled batches';
  if (committed !== undefined && pg.recorded > committed + 1) return 'more than one batch beyond the ledger';
  return null;
}

/** A halt must have a reason: a fail-over lost writes of drains, or the ledger of a batch in doubt has expired. */
function needlessHalt({ halted, lost, kafka, pg, now }: World): string | null {
  if (halted === null || lost.drains) return null;
  const inDoubt = unsettled(pg).some((batch) => now - batch.recordedAt >= RETENTION);
  if (halted === 'ledger_missing' && kafka.ledger === null && inDoubt) return null;
  return `halted (${halted}) although nothing was lost`;
}
