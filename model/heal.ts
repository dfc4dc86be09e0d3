import { misstep } from './control-invariants';
import { violation } from './invariants';
import { applied } from './kafka';
import { NOTHING } from './scope';
import type { Scope } from './scope';
import type { Fingerprints } from './fingerprint';
import { isWaiting } from './postgres';
import type { Budget, EventRow, Kafka, World } from './world';
import { IDLE } from './drain-state';
import { alone, completes, isAtRest, liftedOrders, nextStep } from './heal-control';

/** More than any healthy world of these sizes needs. */
const MAX_STEPS = 500;

/**
 * Nothing is lost: kill every drain, drop every late request, and let one drain after the other run without a fault. All
 * that is pending must then be published, or the drain must halt for a reason. What happens depends only on the durable
 * part of a state, of which many states have the same: each is healed once.
 */
export class Healer {
  private readonly seen = new Map<number, string | null>();

  constructor(
    private readonly scope: Scope,
    private readonly prints: Fingerprints,
  ) {}

  /** What is wrong, or null. */
  faultOf(world: World): string | null {
    if (world.halted !== null) return null;
    const { late } = world.kafka;
    const kafka = late.length === 0 && world.kafka.unapplied === null ? world.kafka : settledKafka(world);
    const healing: World = {
      ...world,
      kafka,
      drains: [IDLE, IDLE],
      left: ONLY_RUNS,
      standby: null,
      minted: 1_000,
      resending: null,
      control: alone(world.control),
    };
    const print = this.prints.durable(healing);
    let fault = this.seen.get(print);
    if (fault === undefined)
      this.seen.set(print, (fault = completes(this.scope, healing) ?? heal(this.scope, liftedOrders(healing))));
    return fault;
  }
}

const ONLY_RUNS: Budget = { ...NOTHING, runs: 20 };

function settledKafka({ kafka }: World): Kafka {
  return { ...kafka, ...applied(kafka), late: [] };
}

function heal(scope: Scope, start: World): string | null {
  let world = start;
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const broken = violation(scope, world);
    if (broken !== null) return `after healing: ${broken}`;
    const idle = world.drains[0].step === 'idle' && (world.control === null || isAtRest(world.control));
    if (world.halted !== null) return null;
    if (idle && step > 0 && !world.pg.events.some((row, index) => isStuck(scope, world, row, index + 1))) return null;
    const plain = nextStep(scope, world);
    if (plain === null) break;
    const wrong = misstep(world, plain);
    if (wrong !== null) return `after healing: ${wrong}`;
    world = plain;
  }
  const stuck = world.pg.events.flatMap((row, index) =>
    isStuck(scope, world, row, index + 1) ? [`e${index + 1}`] : [],
  );
  return `stuck: ${stuck.join(' ')} can never be published`;
}

/** What waits behind a parked event waits for an operator. */
function isStuck(scope: Scope, { pg }: World, row: EventRow, id: number): boolean {
  return row.status === 'pending' && !(scope.rules.holdKey && isWaiting(pg, id));
}
