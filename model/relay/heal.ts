import { NOTHING } from './budget';
import { environmentSteps } from './environment';
import { misstep, nameOf, rowsOf, violation } from './invariants';
import { writeMarkers } from './kafka';
import { inFlight } from './claims';
import { loopSteps } from './loop';
import { membershipSteps } from './membership';
import { IDLE } from './scope';
import type { Scope } from './scope';
import { has, statusOf } from './server';
import { takeOverSteps } from './take-over';
import { Turn } from './turn';
import type { EventRow, Next, PublisherRow, Server, World } from './world';

/** More than any healthy world of these sizes needs. */
const MAX_STEPS = 400;
const PLENTY = 1_000;

/**
 * Nothing is lost: kill every holder, drop every late request, bring every leader back, end every lock and pause, and let one
 * holder of each relay run without a fault. All that is pending must then be published, once.
 */
export function heal(scope: Scope, start: World): string | null {
  let world = start;
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const broken = violation(scope, world);
    if (broken !== null) return `after healing: ${broken}`;
    // The ledger itself has lost something: an operator's case.
    if (world.halted !== null) return null;
    const next = nextStep(scope, world);
    if (next === null) return left(world);
    const wrong = misstep(scope, world, next);
    if (wrong !== null) return `after healing: ${wrong}`;
    world = next;
  }
  return 'stuck: it goes round in circles';
}

/** The durable part of a state, healed: many states have the same. */
export function toHeal(world: World): World {
  let { kafka } = world;
  for (const relay of kafka.producers.keys()) kafka = writeMarkers(kafka, relay);
  return {
    ...world,
    kafka: { ...kafka, late: [] },
    pg: atPeace(world.pg),
    old: null,
    standby: null,
    holders: world.holders.map(() => IDLE),
    spentEpochs: [],
    told: [],
    halted: null,
    left: { ...NOTHING, runs: PLENTY },
  };
}

/** An operator has said that no other server lives, ended all orders and has all parked events tried again. */
function atPeace(server: Server): Server {
  const ancestors = Array.from({ length: server.id - 1 }, (_, index) => index + 1);
  const publishers = server.publishers.map((row): PublisherRow => ({ ...row, stopped: false, granted: PLENTY }));
  const events = server.events.map((row): EventRow => (row.status === 'failed' ? { ...row, status: 'pending' } : row));
  return { ...server, generation: PLENTY, ancestors, publishers, events, locked: [] };
}

function nextStep(scope: Scope, world: World): World | null {
  const relays = Array.from({ length: world.pg.n }, (_, relay) => scope.holders.indexOf(relay));
  for (const who of relays) {
    const next = firstOf(scope, world, who, takeOverSteps);
    if (next !== null) return next;
  }
  for (const who of relays) {
    const next = firstOf(scope, world, who, loopSteps) ?? firstOf(scope, world, who, membershipSteps);
    if (next !== null) return next;
  }
  return environmentSteps(scope, world).find(({ label }) => label.endsWith('is settled alone'))?.world ?? null;
}

function firstOf(scope: Scope, world: World, who: number, steps: (turn: Turn) => void): World | null {
  const turn = new Turn(scope, world, who);
  steps(turn);
  return turn.nexts.find((next) => moves(world, next, who))?.world ?? null;
}

/** A claim that finds nothing leads nowhere. */
function moves(world: World, next: Next, who: number): boolean {
  return next.world.pg !== world.pg || next.world.kafka !== world.kafka || differs(world, next.world, who);
}

function differs(a: World, b: World, who: number): boolean {
  return JSON.stringify(a.holders[who]) !== JSON.stringify(b.holders[who]);
}

/** What is still not as it should be when nothing moves any more. */
function left({ pg, kafka, holders }: World): string | null {
  const stuck = rowsOf(pg).find((item) => statusOf(pg, item) === 'pending');
  if (stuck !== undefined) return `stuck: ${nameOf(stuck)} can never be published`;
  if (pg.unsettled.length > 0 || holders.some((one) => inFlight(one).length > 0))
    return 'stuck: something is never settled';
  const taken = rowsOf(pg).find((item) => statusOf(pg, item) === 'skipped' && has(kafka.log, item));
  return taken === undefined ? null : `after healing: ${nameOf(taken)} is skipped, but in the log`;
}
