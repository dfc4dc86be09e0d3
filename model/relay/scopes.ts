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
  readonly open?: readonly number[];
  readonly relays?: number;
  readonly batch?: number;
  readonly granted?: number;
  /** What has happened already where the tests begin. */
  readonly already?: readonly string[];
  /** Explored wholly by the tests. */
  readonly small: Partial<Budget>;
  /** For longer runs by command. */
  readonly deep: Partial<Budget>;
}

const LATE: EventPlan = { publisher: 0, key: null, after: null, stored: false };

/** Relay 0 is taken over on the server that was restarted. */
const TAKEN_OVER_ON_S2 = [
  'A(r0) P1: claims on S2: refused',
  'A(r0) T0: fence 2 on S2',
  'T1: epoch 2',
  'T2, T3',
  'T4, the last chunk',
] as const;

/** Each scope lets other things go wrong: together they would be too many states. */
export const SCOPES = {
  /** One relay, two processes that take it from each other. */
  core: {
    events: [FIRST, SECOND],
    holders: [0, 0],
    small: { runs: 2, faults: 1, lateProduces: 1 },
    deep: { runs: 4, faults: 1, lateProduces: 2, kills: 1 },
  },
  /** Batches that are refused, events that are parked, operators who retry and skip. */
  refused: {
    events: [FIRST, SECOND],
    holders: [0, 0],
    small: { runs: 2, refusals: 1, operators: 1 },
    deep: { runs: 3, refusals: 2, operators: 2, lateProduces: 1 },
  },
  /** EndTxn requests that are repeated and arrive late. */
  repeated: {
    events: [FIRST, SECOND, LATE],
    holders: [0],
    small: { runs: 2, repeats: 1, lateProduces: 1 },
    deep: { runs: 3, repeats: 2, lateProduces: 1, faults: 1 },
  },
  /** Two relays between which a publisher moves. */
  moved: {
    events: [FIRST, SECOND],
    holders: [0, 0, 1],
    open: [0, 2],
    relays: 2,
    small: { runs: 1, moves: 1 },
    deep: { runs: 3, moves: 2, faults: 1, lateProduces: 1, repeats: 1 },
  },
  /** A Produce without an answer: its publishers move to a spare at once. */
  retired: {
    events: [FIRST, SECOND],
    holders: [0, 1],
    open: [0, 1],
    relays: 2,
    already: ['P1: claims', 'P1: has e1', 'no answer: the record is late'],
    small: { runs: 2, lateProduces: 1, failovers: 1 },
    deep: { runs: 4, lateProduces: 1, failovers: 1, restarts: 1 },
  },
  /** A fail-over that forgets what relays and writers did. */
  failover: {
    events: [FIRST, LATE],
    holders: [0, 0],
    open: [0],
    small: { runs: 1, failovers: 1 },
    deep: { runs: 3, failovers: 1, faults: 1 },
  },
  /** The same with two relays. */
  spread: {
    events: [FIRST],
    holders: [0, 1],
    open: [0, 1],
    relays: 2,
    small: { runs: 3, failovers: 1, moves: 1 },
    deep: { runs: 4, failovers: 2, moves: 1, restarts: 1 },
  },
  /** The server before the fail-over is still writable. */
  split: {
    events: [FIRST],
    holders: [0, 1],
    open: [0, 1],
    relays: 2,
    already: ['replication stalls', 'old server is still writable'],
    small: { runs: 3, failovers: 1, olds: 1, kills: 1 },
    deep: { runs: 4, failovers: 1, olds: 1, kills: 1, lateProduces: 1 },
  },
  /** A backup of before a restart is restored. */
  restored: {
    events: [FIRST],
    holders: [0],
    open: [0],
    small: { runs: 2, failovers: 1, restarts: 1 },
    deep: { runs: 3, failovers: 1, restarts: 2, faults: 1 },
  },
  /** An older copy is put back beside the server that it is a copy of, which may be restarted. */
  copied: {
    events: [FIRST],
    holders: [0, 1],
    open: [0, 1],
    relays: 2,
    already: ['replication stalls', 'Postgres is restarted', ...TAKEN_OVER_ON_S2, 'the old server is still writable'],
    small: { runs: 5, copies: 1, olds: 1, restarts: 2, fills: 1 },
    deep: { runs: 4, copies: 1, olds: 1, restarts: 2, fills: 1, kills: 1 },
  },
  /** Locked rows. */
  locked: {
    events: [FIRST, SECOND],
    holders: [0, 0],
    small: { runs: 2, locks: 1 },
    deep: { runs: 3, locks: 2, failovers: 1 },
  },
  /** A bucket of 1. */
  quota: {
    events: [FIRST, SECOND],
    holders: [0, 1],
    open: [0, 1],
    relays: 2,
    granted: 1,
    small: { runs: 2, moves: 1, locks: 1, grants: 1 },
    deep: { runs: 3, moves: 1, locks: 1, grants: 1, lateProduces: 1 },
  },
  /** Pauses and deletions. */
  paused: {
    events: [FIRST, SECOND],
    holders: [0, 0],
    open: [0],
    small: { runs: 1, orders: 2, operators: 1, deletes: 1, restarts: 1 },
    deep: { runs: 3, orders: 2, operators: 1, deletes: 1, failovers: 1 },
  },
  /** Markers that cannot be written while Postgres is restarted or fails over. */
  hung: {
    events: [FIRST, SECOND],
    holders: [0, 0, 1],
    open: [0, 2],
    relays: 2,
    small: { runs: 2, hangs: 1 },
    deep: { runs: 3, hangs: 1, restarts: 1, lateProduces: 1 },
  },
  /** N is raised. */
  raised: {
    events: [FIRST],
    holders: [0, 1],
    open: [0],
    small: { runs: 3, raises: 1, failovers: 1, moves: 1 },
    deep: { runs: 4, raises: 1, failovers: 1, moves: 1 },
  },
  /** Replays. */
  replayed: {
    events: [FIRST],
    holders: [0],
    small: { runs: 3, replays: 2, failovers: 1 },
    deep: { runs: 4, replays: 2, failovers: 1, lateProduces: 1 },
  },
  /** The ledger loses something. */
  bereft: {
    events: [FIRST, SECOND],
    holders: [0],
    small: { runs: 3, failovers: 1, trims: 1, recreations: 1, vanishes: 1 },
    deep: { runs: 4, failovers: 1, trims: 1, recreations: 1, vanishes: 1, lateProduces: 1 },
  },
} as const satisfies { [name: string]: Plan };

export type ScopeName = keyof typeof SCOPES;
export const SCOPE_NAMES = Object.keys(SCOPES) as ScopeName[];

export function scopeOf(name: ScopeName, size: 'small' | 'deep', off: readonly Rule[] = []): Scope {
  const plan: Plan = SCOPES[name];
  const { events, publishers = 1, holders, open = [], relays = 1, batch = 1, granted = null } = plan;
  const budget = { ...NOTHING, ...plan[size] };
  const already = size === 'small' ? (plan.already ?? []) : [];
  return {
    name,
    already,
    events,
    publishers,
    holders,
    open,
    relays,
    batch,
    granted,
    budget,
    rules: rulesWithout(...off),
  };
}
