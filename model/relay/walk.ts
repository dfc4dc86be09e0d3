import { NOTHING } from './budget';
import { relayMachine } from './machine';
import { rulesWithout } from './rules';
import type { Rule } from './rules';
import type { Scope } from './scope';
import { holderSteps, successors } from './successors';
import type { World } from './world';

/** Everything goes wrong at once, several times: far beyond what can be explored wholly. */
export function wildScope(...off: readonly Rule[]): Scope {
  return {
    name: 'wild',
    events: [
      { publisher: 0, key: 'k', after: null, stored: true },
      { publisher: 1, key: 'l', after: null, stored: true },
      { publisher: 0, key: null, after: null, stored: false },
      { publisher: 0, key: 'k', after: 1, stored: true },
      { publisher: 1, key: 'l', after: 2, stored: false },
      { publisher: 0, key: 'k', after: 4, stored: false },
    ],
    publishers: 2,
    holders: [0, 0, 1, 1, 2],
    open: [],
    already: [],
    relays: 2,
    batch: 2,
    granted: null,
    budget: {
      ...NOTHING,
      runs: 30,
      kills: 6,
      faults: 4,
      lateProduces: 3,
      repeats: 2,
      refusals: 3,
      moves: 6,
      failovers: 2,
      restarts: 2,
      copies: 1,
      fills: 2,
      olds: 1,
      hangs: 2,
      locks: 3,
      orders: 4,
      operators: 3,
      replays: 2,
      raises: 1,
    },
    rules: rulesWithout(...off),
  };
}

export interface Walk {
  readonly broken: string | null;
  readonly trace: readonly string[];
  /** Events in the log at the end: shows that the walk went anywhere. */
  readonly published: number;
  readonly halted: string | null;
}

export type Walker = (choices: readonly number[]) => Walk;

/** How many steps pass between two attempts to heal the state. */
const HEAL_EVERY = 16;

/**
 * Ways through the states. Of eight choices six let the holder that moved last go on: of evenly chosen steps so many are
 * take-overs and fail-overs that hardly a batch would ever be committed.
 */
export function walker(scope: Scope): Walker {
  const machine = relayMachine(scope);
  return (choices) => {
    let world: World = machine.first;
    let mover = 0;
    const trace: string[] = [];
    const end = (broken: string | null): Walk => {
      return { broken, trace, published: world.kafka.log.length, halted: world.halted };
    };
    for (const [index, choice] of choices.entries()) {
      const own = choice % 8 > 1 ? holderSteps(scope, world, mover) : [];
      const all = own.length > 0 ? own : successors(scope, world);
      const next = all[Math.floor(choice / 8) % Math.max(1, all.length)];
      if (next === undefined) break;
      const who = scope.holders.findIndex((_, at) => next.label.startsWith(`${String.fromCharCode(65 + at)}(`));
      if (who >= 0) mover = who;
      const wrong = machine.misstep(world, next.world);
      world = next.world;
      trace.push(next.label);
      const isTime = index % HEAL_EVERY === 0 || index === choices.length - 1;
      const broken = wrong ?? machine.violation(world) ?? (isTime ? machine.unhealed(world) : null);
      if (broken !== null) return end(broken);
    }
    return end(null);
  };
}
