import { firstControl } from './control';
import type { ControlPlan } from './control';
import type { Drain } from './drain-state';
import type { Budget, EventRow, Next, World } from './world';
import { IDLE, answering } from './drain-state';
import type { Rules } from './rules';

/** An event that can exist. Ids are given in the order of `begin`; `after` must be committed before it begins. */
export interface EventPlan {
  readonly key: string | null;
  /** Id of the event that its writer has seen committed; null = its transaction may commit at any time. */
  readonly after: number | null;
  /** Committed in the first state. */
  readonly stored: boolean;
}

/** What is explored: the events, how much may go wrong, and which rules hold. */
export interface Scope {
  readonly name: string;
  readonly events: readonly EventPlan[];
  /** Most events of one batch. */
  readonly batch: number;
  readonly budget: Budget;
  readonly rules: Rules;
  /** A workflow starts the drains. */
  readonly control?: ControlPlan;
  /** True = a needless halt is no fault: what is then found is a double, a loss, a false state or a broken order. */
  readonly harmOnly?: boolean;
}

export const NOTHING: Budget = {
  runs: 0,
  faults: 0,
  operators: 0,
  shrinks: 0,
  failovers: 0,
  adopts: 0,
  resends: 0,
  rechecks: 0,
  orders: 0,
  timeouts: 0,
  ticks: 0,
  halfLoads: 0,
  stuckLoads: 0,
};

/** Clock steps that the broker keeps a ledger. */
export const RETENTION = 2;

export function firstWorld(scope: Scope): World {
  const events = scope.events.map((event): EventRow => {
    return { status: event.stored ? 'pending' : 'absent', lane: 0, version: 1, copy: 0, key: event.key };
  });
  return {
    now: 0,
    minted: 0,
    pg: {
      server: 1,
      fence: 0,
      recorded: 0,
      settled: 0,
      settledAt: null,
      revision: 0,
      bound: 0,
      events,
      batches: [],
      orders: { paused: false, heldOpen: false, allPaused: false },
      grants: [],
    },
    standby: null,
    lost: { drains: false, changes: false },
    versions: scope.events.map((event) => (event.stored ? 1 : 0)),
    kafka: { epoch: 0, open: null, log: [], ledger: null, unapplied: null, late: [] },
    drains: [IDLE, IDLE],
    halted: null,
    resending: null,
    control: scope.control === undefined ? null : firstControl(scope.control),
    left: scope.budget,
  };
}

/** One drain's view of a state: what it is, and how the state goes on. */
export class Turn {
  readonly me: Drain;
  readonly nexts: Next[] = [];

  constructor(
    readonly scope: Scope,
    readonly world: World,
    readonly who: 0 | 1,
  ) {
    this.me = world.drains[who];
  }

  get rules(): Rules {
    return this.scope.rules;
  }

  /** Adds a successor in which this drain has changed by `change`, and the rest of the world by `rest`. */
  goto(what: string, change: Partial<Drain>, rest: Partial<World> = {}): void {
    this.become(what, { ...this.me, ...change }, rest);
  }

  become(what: string, drain: Drain, rest: Partial<World> = {}): void {
    this.put(what, answering(this.me, drain), rest);
  }

  /** Nothing of it is left, not even an outcome. */
  dies(): void {
    this.put('is killed', IDLE, {});
  }

  private put(what: string, drain: Drain, rest: Partial<World>): void {
    const drains: [Drain, Drain] = this.who === 0 ? [drain, this.world.drains[1]] : [this.world.drains[0], drain];
    this.nexts.push({ label: `${this.who === 0 ? 'A' : 'B'} ${what}`, world: { ...this.world, ...rest, drains } });
  }

  can(what: keyof Budget): boolean {
    return this.world.left[what] > 0;
  }

  spent(what: keyof Budget): { readonly left: Budget } {
    return { left: spend(this.world.left, what) };
  }
}

export function spend(left: Budget, what: keyof Budget): Budget {
  return { ...left, [what]: left[what] - 1 };
}
