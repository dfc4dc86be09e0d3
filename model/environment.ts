import { adopt } from './adopt';
import { resendSteps } from './set-ledger';
import { applied, deliver, timeOutTransaction } from './kafka';
import { changeRow, inUnsettled } from './postgres';
import { RETENTION, spend } from './scope';
import type { Scope } from './scope';
import { IDLE } from './drain-state';
import type { Drain } from './drain-state';
import type { Next, Postgres, World } from './world';

/** Everything that happens without a drain: writers, operators, brokers, fail-over, time. */
export function environmentSteps(scope: Scope, world: World): Next[] {
  const nexts: Next[] = [];
  const add = (label: string, change: Partial<World>): void =>
    void nexts.push({ label, world: { ...world, ...change } });
  writers(scope, world, add);
  if (world.left.operators > 0) operators(scope, world, add);
  if (world.left.adopts > 0 && world.resending === null) {
    const adopted = adopt(world, scope.rules);
    if (adopted !== null) add('an operator adopts what Kafka has', { ...adopted, left: spend(world.left, 'adopts') });
  }
  nexts.push(...resendSteps(world, scope.rules));
  brokers(scope, world, add);
  if (world.left.failovers > 0) failOver(world, add);
  if (world.left.ticks > 0) add('a long time passes', longTime(world));
  const { ledger } = world.kafka;
  // A fail-over is assumed to forget less time than the broker keeps a ledger: without it nothing could tell that it happened.
  const comparable = world.standby !== null || world.lost.drains;
  if (ledger !== null && world.now - ledger.at >= RETENTION && !comparable) {
    add('the broker drops the expired ledger', { kafka: { ...world.kafka, ledger: null } });
  }
  return nexts;
}

type Add = (label: string, change: Partial<World>) => void;

/** A transaction of an application commits an event; its id may be lower than those already published. */
function writers(scope: Scope, world: World, add: Add): void {
  for (const [index, plan] of scope.events.entries()) {
    const { pg } = world;
    if (pg.events[index]?.status !== 'absent') continue;
    if (plan.after !== null && pg.events[plan.after - 1]?.status === 'absent') continue;
    const version = (world.versions[index] ?? 0) + 1;
    const versions = world.versions.map((old, other) => (other === index ? version : old));
    add(`e${index + 1}${version > 1 ? `v${version}` : ''} is stored`, {
      pg: changeRow(pg, index + 1, { status: 'pending', lane: 0, version, copy: 0 }),
      versions,
    });
  }
}

/** Skip, retry and replay: one transaction each, which refuses members of unsettled batches and raises the revision. */
function operators(scope: Scope, world: World, add: Add): void {
  const left = spend(world.left, 'operators');
  for (const [index, row] of world.pg.events.entries()) {
    const id = index + 1;
    if (scope.rules.operatorsRefuse && inUnsettled(world.pg, id)) continue;
    const change = (label: string, row: Parameters<typeof changeRow>[2]): void => {
      add(label, { left, pg: { ...changeRow(world.pg, id, row), revision: world.pg.revision + 1 } });
    };
    if (row.status === 'pending') change(`an operator skips e${id}`, { status: 'skipped' });
    if (row.status === 'failed') change(`an operator retries e${id}`, { status: 'pending' });
    if (row.status === 'published')
      change(`an operator replays e${id}`, { status: 'pending', lane: 1, copy: row.copy + 1 });
  }
}

function brokers(scope: Scope, world: World, add: Add): void {
  const { kafka } = world;
  for (const [index, request] of kafka.late.entries()) {
    const what = request.kind === 'init' ? 'InitProducerId' : `commit of epoch ${request.epoch}`;
    add(`the late ${what} arrives`, { kafka: deliver(kafka, index, world.now, scope.rules) });
  }
  if (kafka.open !== null && world.left.faults > 0) {
    add('the coordinator times the transaction out', {
      kafka: timeOutTransaction(kafka),
      left: spend(world.left, 'faults'),
    });
  }
  if (kafka.unapplied !== null) add("the commit's marker is applied", { kafka: { ...kafka, ...applied(kafka) } });
}

/** Replication stalls at some moment; a fail-over some time later loses all commits since. */
function failOver(world: World, add: Add): void {
  const { pg, standby } = world;
  if (standby === null) {
    add('replication stalls', { standby: pg });
    return;
  }
  add('fail-over: the commits since then are lost', {
    pg: { ...standby, server: standby.server + 1 },
    standby: null,
    lost: {
      drains: world.lost.drains || drainWrites(pg) !== drainWrites(standby),
      changes: world.lost.changes || pg.revision !== standby.revision,
    },
    left: spend(world.left, 'failovers'),
  });
}

function drainWrites({ fence, recorded, batches }: Postgres): string {
  return JSON.stringify([fence, recorded, batches.map((batch) => batch.batchId)]);
}

/**
 * Days pass. Transactions time out, and a drain that was frozen within D4 finds its deadline over when it thaws; one that was
 * frozen between two requests goes on.
 */
function longTime(world: World): Partial<World> {
  const { kafka } = world;
  const late = (drain: Drain): Drain =>
    drain.step === 'send' || drain.step === 'commit'
      ? { ...IDLE, step: 'fence', fence: drain.fence, server: drain.server, afterDoubt: true }
      : drain;
  const [a, b] = world.drains;
  return {
    now: world.now + 1,
    kafka: { ...(kafka.open === null ? kafka : timeOutTransaction(kafka)), late: [] },
    drains: [late(a), late(b)],
    left: spend(world.left, 'ticks'),
  };
}
