import type { Budget } from './budget';
import type { Rules } from './rules';
import type { EventRow, Holder, PublisherRow, RelayRow, World } from './world';

/** An event that can exist; `after` must be committed before its writer begins. */
export interface EventPlan {
  readonly publisher: number;
  readonly key: string | null;
  readonly after: number | null;
  readonly stored: boolean;
}

export interface Scope {
  readonly name: string;
  readonly events: readonly EventPlan[];
  readonly publishers: number;
  /** Which relay each process holds. */
  readonly holders: readonly number[];
  /** Processes that hold their relays at the beginning; the first has all publishers. */
  readonly open: readonly number[];
  /** Steps that have been made then, by the ends of their labels. */
  readonly already: readonly string[];
  /** N at the beginning. */
  readonly relays: number;
  /** Most events of one batch. */
  readonly batch: number;
  /** The bucket of each publisher at the beginning; null = no quota. */
  readonly granted: number | null;
  readonly budget: Budget;
  readonly rules: Rules;
}

export const IDLE: Holder = {
  step: 'idle',
  server: 0,
  origin: { timeline: 0, generation: 0, wal: 0 },
  fence: 0,
  epoch: 0,
  next: 0,
  until: 0,
  raisesTo: 0,
  seq: 0,
  set: [],
  claim: null,
  prepared: null,
  sending: null,
  settling: [],
  adopting: null,
  repeated: false,
  aside: 'no',
  culprit: null,
  row: null,
  n: 0,
  raising: null,
};

export const NEW_RELAY: RelayRow = { fence: 0, settledTo: 0, mark: '', seq: 0, closed: 0, recoveredOn: 0 };

const NO_LIMIT = 1_000;

export function firstWorld(scope: Scope): World {
  const relays = Math.max(scope.relays, ...scope.holders.map((relay) => relay + 1));
  const publisher: PublisherRow = {
    owner: null,
    stopped: false,
    granted: scope.granted ?? NO_LIMIT,
    used: 0,
    gone: false,
  };
  return {
    pg: {
      id: 1,
      timeline: 1,
      generation: 0,
      wal: 0,
      log: 0,
      ancestors: [],
      n: scope.relays,
      relays: Array.from({ length: relays }, () => NEW_RELAY),
      publishers: Array.from({ length: scope.publishers }, () => publisher),
      events: scope.events.map(({ stored }): EventRow => {
        return { status: stored ? 'pending' : 'absent', version: stored ? 1 : 0, copy: 'absent' };
      }),
      unsettled: [],
      locked: [],
    },
    old: null,
    standby: null,
    kafka: {
      producers: Array.from({ length: relays }, () => ({ epoch: 0, open: null })),
      ledgers: Array.from({ length: relays }, () => ({ records: [], start: 0, made: 1 })),
      log: [],
      late: [],
    },
    holders: scope.holders.map(() => IDLE),
    spentEpochs: Array.from({ length: relays }, () => 0),
    versions: scope.events.map(({ stored }) => (stored ? 1 : 0)),
    forgot: false,
    told: [],
    halted: null,
    left: scope.budget,
  };
}

export function publisherOf(scope: Scope, id: number): number {
  return scope.events[id - 1]?.publisher ?? 0;
}
