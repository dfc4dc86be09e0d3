import { NOTHING } from './budget';
import type { Budget } from './budget';
import { rulesWithout } from './rules';
import type { Rule } from './rules';
import type { EventPlan, Scope } from './scope';

const FIRST: EventPlan = { publisher: 0, key: 'k', after: null, stored: true };
/** Of the same key, begun after the first was committed: order is promised. */
const SECOND: EventPlan = { publisher: 0, key: 'k', after: 1, stored: true };

interface Plan {
  readonly events: readonly EventPlan[];
  readonly publishers?: number;
  readonly holders: readonly number[];
  readonly relays?: number;
  readonly batch?: number;
  readonly granted?: number;
  /** Explored wholly by the tests. */
  readonly small: Partial<Budget>;
  /** For longer runs by command. */
  readonly deep: Partial<Budget>;
}

/** Each scope lets other things go wrong: together they would be too many states. */
export const SCOPES = {
  /** One relay, two processes that take it from each other. */
  core: {
    events: [FIRST, SECOND],
    holders: [0, 0],
    small: { runs: 2, lateProduces: 1 },
    deep: { runs: 3, faults: 1, lateProduces: 1 },
  },
} as const satisfies { [name: string]: Plan };

export type ScopeName = keyof typeof SCOPES;
export const SCOPE_NAMES = Object.keys(SCOPES) as ScopeName[];

export function scopeOf(name: ScopeName, size: 'small' | 'deep', off: readonly Rule[] = []): Scope {
  const plan: Plan = SCOPES[name];
  const { events, publishers = 1, holders, relays = 1, batch = 1, granted = null } = plan;
  const budget = { ...NOTHING, ...plan[size] };
  return { name, events, publishers, holders, relays, batch, granted, budget, rules: rulesWithout(...off) };
}
