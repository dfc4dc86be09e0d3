import { misstep } from './control-invariants';
import { drainSteps } from './drain';
import type { Healer } from './heal';
import { successors } from './drain-machine';
import { violation } from './invariants';
import { NOTHING, firstWorld } from './scope';
import type { Scope } from './scope';
import { rulesWithout } from './rules';
import type { Rule } from './rules';

/** Everything goes wrong at once, several times: far beyond what can be explored wholly. */
export function wildScope(...off: readonly Rule[]): Scope {
  return {
    name: 'wild',
    events: [
      { key: 'k', after: null, stored: true },
      { key: 'l', after: null, stored: false },
      { key: 'k', after: 1, stored: true },
      { key: null, after: null, stored: false },
      { key: 'l', after: 2, stored: false },
      { key: 'k', after: 3, stored: false },
    ],
    batch: 2,
    // No adopt beside operators: what they did before a fail-over is forgotten with it, so a replay is counted from the start again
    // and an event may be skipped that Kafka has. The scope `adopted` explores adopt by itself. No resend beside
    // so many days: one that is cut short and never finished agrees with an expired ledger in the end. See `resent` and `expired`.
    budget: { ...NOTHING, runs: 24, faults: 8, operators: 6, shrinks: 4, failovers: 1, ticks: 4, halfLoads: 4 },
    rules: rulesWithout(...off),
  };
}

/** The same with a workflow that starts the drains, under orders, a quota and a breaker; no fail-over, which would lose grants as well. */
export function orderedScope(...off: readonly Rule[]): Scope {
  return {
    ...wildScope(...off),
    name: 'ordered',
    control: { orders: ['pause', 'pauseAll', 'openBreaker'], threshold: 2, burst: 2 },
    budget: { ...NOTHING, runs: 24, faults: 8, operators: 4, orders: 8, timeouts: 4 },
  };
}

export interface Walk {
  readonly broken: string | null;
  readonly trace: readonly string[];
  /** Messages in the log at the end: shows that the walk went anywhere. */
  readonly published: number;
  readonly halted: string | null;
}

/** How many steps pass between two attempts to heal the state. */
const HEAL_EVERY = 16;

/**
 * One way through the states. Of eight choices seven let the drain that moved last go on without a fault: of evenly chosen
 * steps so many are kills and take-overs that hardly a batch would ever be committed.
 */
export function walk(scope: Scope, choices: readonly number[], healer: Healer): Walk {
  let world = firstWorld(scope);
  let mover: 0 | 1 = 0;
  const trace: string[] = [];
  for (const [index, choice] of choices.entries()) {
    const plain = choice % 8 > 0 ? drainSteps(scope, world, mover)[0] : undefined;
    const all = plain === undefined ? successors(scope, world) : [plain];
    const next = all[Math.floor(choice / 8) % Math.max(1, all.length)];
    if (next === undefined) break;
    if (next.label.startsWith('A ')) mover = 0;
    if (next.label.startsWith('B ')) mover = 1;
    const wrong = misstep(world, next.world);
    world = next.world;
    trace.push(next.label);
    const healed = index % HEAL_EVERY === 0 || index === choices.length - 1 ? healer.faultOf(world) : null;
    const broken = wrong ?? violation(scope, world) ?? healed;
    if (broken !== null) return { broken, trace, published: world.kafka.log.length, halted: world.halted };
  }
  return { broken: null, trace, published: world.kafka.log.length, halted: world.halted };
}
