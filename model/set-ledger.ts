import { reconcile } from '../src/domain/settlement';
import { initProducer } from './kafka';
import { isHeld, takeOver, unsettled } from './postgres';
import { RETENTION, spend } from './scope';
import type { Rules } from './rules';
import type { EventRow, Kafka, Next, Postgres, Resending, World } from './world';

/**
 * An operator ends a halt: Postgres is right. Its unsettled batches are dropped, then the ledger is set to the row by a transaction
 * without events; src/activities/halt/resend.ts. D0 and D1 before it are one step here, for drains explore what comes between.
 */
export function resendSteps(world: World, rules: Rules): Next[] {
  const { resending, halted, left } = world;
  if (resending !== null) return [...continued(world, resending, rules), killed(world)];
  const nexts: Next[] = [];
  if (halted === null) return nexts;
  if (left.resends > 0) nexts.push(ordered(world, rules));
  if (left.rechecks > 0) {
    const change = { halted: null, left: spend(left, 'rechecks') };
    nexts.push({ label: 'an operator wants both sides compared again', world: { ...world, ...change } });
  }
  return nexts;
}

function killed(world: World): Next {
  return { label: 'the resend is killed', world: { ...world, resending: null } };
}

function ordered(world: World, rules: Rules): Next {
  const pg = takeOver(world.pg);
  const kafka = initProducer(world.kafka);
  const left = spend(world.left, 'resends');
  if (bothAgree(pg, kafka, world.now)) {
    return {
      label: 'an operator chooses resend: both sides agree',
      world: { ...world, pg, kafka, left, halted: null },
    };
  }
  const { fence, server } = pg;
  const seq = kafka.ledger === null && rules.resendKeepsNumbers ? pg.recorded : pg.settled;
  const settled = seq === pg.settled ? pg.batches.find((batch) => batch.seq === seq) : undefined;
  const batchId = settled?.batchId ?? world.minted + 1;
  const step = rules.resendDropsFirst ? 'drop' : 'ledger';
  const resending: Resending = { step, fence, server, epoch: kafka.epoch, seq, batchId };
  const minted = Math.max(world.minted, batchId);
  return { label: 'an operator chooses resend', world: { ...world, pg, kafka, left, minted, resending } };
}

/** The product's own decision over what it has read. */
function bothAgree(pg: Postgres, kafka: Kafka, now: number): boolean {
  const open = unsettled(pg);
  const named = pg.batches.find((batch) => batch.seq === pg.settled);
  const { recorded, settled } = pg;
  const row = { recorded, settled, settledAt: named?.recordedAt ?? pg.settledAt };
  const batches = open.map(({ seq, batchId, recordedAt }) => ({ seq, batchId: `b${batchId}`, recordedAt }));
  const ledger = kafka.ledger === null ? null : { seq: kafka.ledger.seq, batchId: `b${kafka.ledger.batchId}` };
  const settledBatchId = named === undefined ? null : `b${named.batchId}`;
  const missing = open.some(({ members }) => members.some((id) => pg.events[id - 1]?.status === 'absent'));
  return reconcile({ ...row, settledBatchId }, batches, ledger, RETENTION, now).kind !== 'halt' && !missing;
}

function continued(world: World, resending: Resending, rules: Rules): Next[] {
  const { step } = resending;
  const { resendDropsFirst } = rules;
  const failed = (why: string): Next[] => [{ label: `the resend ${why}`, world: { ...world, resending: null } }];
  if (step === 'end') {
    // From here on every promise holds as if nothing had been lost, and a halt needs a new reason.
    const lost = { ...world.lost, drains: false };
    return [{ label: 'the resend ends the halt', world: { ...world, halted: null, resending: null, lost } }];
  }
  if (step === 'drop') {
    if (!isHeld(world.pg, resending, rules)) return failed('finds a newer fence');
    const dropped = {
      ...world,
      pg: dropUnsettled(world.pg, resending.seq, world.now),
      lost: { ...world.lost, drains: true },
    };
    const next = {
      ...dropped,
      resending: { ...resending, step: resendDropsFirst ? ('ledger' as const) : ('end' as const) },
    };
    return [{ label: 'the resend drops the unsettled batches', world: resendDropsFirst ? next : decided(next) }];
  }
  if (world.kafka.epoch !== resending.epoch) return failed('finds a newer epoch');
  const { seq, batchId } = resending;
  const kafka = { ...world.kafka, open: null, ledger: { seq, batchId, at: world.now } };
  const next = {
    ...world,
    kafka,
    resending: { ...resending, step: resendDropsFirst ? ('end' as const) : ('drop' as const) },
  };
  return [{ label: `the resend sets the ledger to batch ${seq}`, world: resendDropsFirst ? decided(next) : next }];
}

/** adopt.ts of src/postgres, dropUnsettled. */
function dropUnsettled(pg: Postgres, seq: number, now: number): Postgres {
  const batches = pg.batches.filter((batch) => batch.seq <= pg.settled);
  return { ...pg, batches, recorded: seq, settled: seq, settledAt: now, revision: pg.revision + 1 };
}

/**
 * After the last write the choice is in force: what Kafka holds and Postgres does not know as published no longer counts, for it
 * is sent once more, as the operator wanted.
 */
function decided(world: World): World {
  const { pg, kafka } = world;
  const known = (row: EventRow | undefined, version: number, copy: number): boolean =>
    row?.version === version && (copy < row.copy || (copy === row.copy && row.status === 'published'));
  const log = kafka.log.filter(({ id, version, copy }) => known(pg.events[id - 1], version, copy));
  return { ...world, kafka: { ...kafka, log } };
}
