import type { ControlPlan } from './control';
import { NOTHING } from './scope';
import type { EventPlan, Scope } from './scope';
import { rulesWithout } from './rules';
import type { Rule } from './rules';
import type { Budget } from './world';

const FIRST: EventPlan = { key: 'k', after: null, stored: true };
/** Of the same key, begun after the first was committed: order is promised. */
const SECOND: EventPlan = { key: 'k', after: 1, stored: true };
/** Its id is taken, its transaction commits at any time. */
const LATE: EventPlan = { key: null, after: null, stored: false };

interface Plan {
  readonly events: readonly EventPlan[];
  readonly batch: number;
  readonly control?: ControlPlan;
  /** Explored wholly by the tests. */
  readonly small: Partial<Budget>;
  /** For longer runs by command. */
  readonly deep: Partial<Budget>;
}

/** Each scope lets other things go wrong: together they would be too many states. */
export const SCOPES = {
  /** Racing drains, kills, lost and late answers, a late commit with an id in the middle. */
  races: {
    events: [FIRST, LATE, SECOND],
    batch: 1,
    small: { runs: 2, faults: 1 },
    deep: { runs: 3, faults: 2 },
  },
  /** Batches recorded anew and parked events. */
  shrinks: {
    events: [FIRST, SECOND],
    batch: 2,
    small: { runs: 2, faults: 1, shrinks: 1 },
    deep: { runs: 3, faults: 2, shrinks: 2 },
  },
  /** Skips, retries and replays between the steps of drains. */
  operators: {
    events: [FIRST, SECOND],
    batch: 2,
    small: { runs: 2, operators: 1, shrinks: 1 },
    deep: { runs: 3, operators: 3, shrinks: 1 },
  },
  /** Brokers come back, and answer before they have loaded everything. */
  restarts: {
    events: [FIRST, SECOND],
    batch: 2,
    small: { runs: 2, faults: 1, shrinks: 1, halfLoads: 1 },
    deep: { runs: 3, faults: 2, shrinks: 1, halfLoads: 2 },
  },
  /** The same, and a coordinator never loads the rest. */
  stuck: {
    events: [FIRST, SECOND],
    batch: 2,
    small: { runs: 2, faults: 1, shrinks: 1, stuckLoads: 1 },
    deep: { runs: 3, faults: 2, shrinks: 1, stuckLoads: 2 },
  },
  /** Days pass, ledgers expire, drains thaw after days. */
  time: {
    events: [FIRST, SECOND],
    batch: 1,
    small: { runs: 2, ticks: 2 },
    deep: { runs: 3, faults: 1, ticks: 4 },
  },
  /** A fail-over that forgets what drains wrote. */
  failover: {
    events: [FIRST, SECOND],
    batch: 2,
    small: { runs: 2, shrinks: 1, failovers: 1 },
    deep: { runs: 3, faults: 1, shrinks: 1, failovers: 1 },
  },
  /** A fail-over that forgets events and what operators did. */
  forgotten: {
    events: [FIRST, LATE],
    batch: 2,
    small: { runs: 1, operators: 2, failovers: 1 },
    deep: { runs: 3, operators: 2, failovers: 1 },
  },
  /** A fail-over that forgets what drains wrote and events; then an operator adopts what Kafka has. */
  adopted: {
    events: [FIRST, LATE],
    batch: 1,
    small: { runs: 2, failovers: 1, adopts: 1 },
    deep: { runs: 4, faults: 1, failovers: 1, adopts: 1 },
  },
  /** A fail-over that forgets what drains wrote and events; then an operator has sent again what Postgres has, or thinks again. */
  resent: {
    events: [FIRST, LATE],
    batch: 1,
    small: { runs: 2, failovers: 1, resends: 1, rechecks: 1 },
    deep: { runs: 3, faults: 1, failovers: 1, adopts: 1, resends: 2, rechecks: 1 },
  },
  /** A ledger that expired with a batch in doubt; then an operator has sent again what Postgres has, or thinks again. */
  expired: {
    events: [FIRST, SECOND],
    batch: 1,
    small: { runs: 2, ticks: 2, resends: 1, rechecks: 1 },
    deep: { runs: 3, faults: 1, ticks: 3, resends: 2, rechecks: 1 },
  },
  /** An operator pauses a publisher, or everything, while drains run and are killed. Pauses beside lost answers: `quota`. */
  paused: {
    events: [FIRST, SECOND],
    batch: 1,
    control: { orders: ['pause', 'pauseAll'], threshold: 9, burst: null },
    small: { runs: 2, orders: 2 },
    deep: { runs: 2, faults: 1, orders: 2, timeouts: 1 },
  },
  /** Grants of few tokens; drains die, live on beside their successor, and are told to end. */
  quota: {
    events: [FIRST, SECOND],
    batch: 1,
    control: { orders: ['pause'], threshold: 9, burst: 1 },
    small: { runs: 2, faults: 1, orders: 1, timeouts: 1 },
    deep: { runs: 3, faults: 1, orders: 1, timeouts: 1 },
  },
  /** Failures open the breaker, probes are sent, an operator opens it and resets it. */
  breaker: {
    events: [FIRST, SECOND],
    batch: 2,
    control: { orders: ['pause', 'openBreaker'], threshold: 1, burst: null },
    small: { runs: 2, faults: 2, orders: 1 },
    deep: { runs: 3, faults: 1, orders: 1, timeouts: 1 },
  },
} as const satisfies Record<string, Plan>;

export type ScopeName = keyof typeof SCOPES;
export const SCOPE_NAMES = Object.keys(SCOPES) as ScopeName[];

export function scopeOf(name: ScopeName, size: 'small' | 'deep', off: readonly Rule[] = [], harmOnly = false): Scope {
  const plan: Plan = SCOPES[name];
  const { events, batch, control } = plan;
  const controlled = control === undefined ? {} : { control };
  return {
    name,
    events,
    batch,
    ...controlled,
    budget: { ...NOTHING, ...plan[size] },
    rules: rulesWithout(...off),
    harmOnly,
  };
}
