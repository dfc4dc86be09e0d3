import type { Batch, Item, LedgerRow } from './batch';
import type { Control } from './control';
import type { Drain } from './drain-state';

/**
 * The state of the model: one publisher with its Postgres, its Kafka and two workers. Plain immutable data, so that a
 * state can be hashed, compared and kept.
 *
 * `minted` counts batch ids; like the UUIDs of the product they never repeat, whatever a fail-over forgets.
 */

export type Status = 'absent' | 'pending' | 'published' | 'failed' | 'skipped';

export interface EventRow {
  readonly status: Status;
  readonly lane: 0 | 1;
  readonly version: number;
  readonly copy: number;
  readonly key: string | null;
}

/** Rows below the last settled batch are dropped: nothing reads them. */
export interface BatchRow {
  readonly seq: number;
  readonly batchId: number;
  readonly members: readonly number[];
  readonly recordedAt: number;
  /** The grant that it was recorded under; 0 without control. */
  readonly grant: number;
}

/** What stands in rows for a drain to meet: the orders of its publisher, and the pause of everything. */
export interface Orders {
  readonly paused: boolean;
  readonly heldOpen: boolean;
  readonly allPaused: boolean;
}

/** Events of the batches that name a grant, and how many of them are settled. */
export interface GrantTotals {
  readonly events: number;
  readonly settled: number;
}

export interface Postgres {
  /** Which server this is: a standby that was promoted is another one. */
  readonly server: number;
  readonly fence: number;
  readonly recorded: number;
  readonly settled: number;
  readonly settledAt: number | null;
  readonly revision: number;
  /** Highest id ever recorded; only the mutation that claims by an id bound writes it. */
  readonly bound: number;
  /** Row of event id at index id - 1. */
  readonly events: readonly EventRow[];
  readonly batches: readonly BatchRow[];
  readonly orders: Orders;
  /** Of grant n at index n - 1; kept when batches are dropped. */
  readonly grants: readonly GrantTotals[];
}

/** A request whose sender gave up waiting: it arrives at any later time, or never. */
export type LateRequest = { readonly kind: 'commit'; readonly epoch: number } | { readonly kind: 'init' };

export interface Kafka {
  readonly epoch: number;
  /** The open transaction of the current epoch. */
  readonly open: Batch | null;
  /** What read_committed consumers see, in order of offsets. */
  readonly log: readonly Item[];
  readonly ledger: LedgerRow | null;
  /** Committed, but not yet applied by the group coordinator; only the mutation of the unstable read sees it. */
  readonly unapplied: LedgerRow | null;
  readonly late: readonly LateRequest[];
}

/** How often each kind of thing may still happen: what bounds the exploration. */
export interface Budget {
  readonly runs: number;
  /** Lost, late and refused answers, transactions that the coordinator times out. */
  readonly faults: number;
  readonly operators: number;
  /** Batches recorded anew and events parked. */
  readonly shrinks: number;
  readonly failovers: number;
  /** Halts that an operator ends by adopting Kafka's side. */
  readonly adopts: number;
  /** Halts that an operator ends by sending again what Postgres has. */
  readonly resends: number;
  /** Halts that an operator ends for a new comparison. */
  readonly rechecks: number;
  /** Ledger reads that a coordinator answers which has not loaded everything. */
  readonly halfLoads: number;
  /** The same, where the coordinator never loads the rest. */
  readonly stuckLoads: number;
  /** What operators order of a publisher, or of all. */
  readonly orders: number;
  /** Attempts that Temporal gives up while they live. */
  readonly timeouts: number;
  /** Steps of the clock; two of them are the time that the broker keeps a ledger. */
  readonly ticks: number;
}

/** The product's `resend` under way. Each step but `end` is one write that it is about to make; it can be killed before each. */
export interface Resending {
  readonly step: 'drop' | 'ledger' | 'end';
  readonly fence: number;
  readonly server: number;
  readonly epoch: number;
  /** What the ledger is to say. */
  readonly seq: number;
  readonly batchId: number;
}

export interface World {
  readonly now: number;
  readonly minted: number;
  readonly pg: Postgres;
  /** What the standby has: taken when replication stalls, it becomes `pg` by a fail-over. */
  readonly standby: Postgres | null;
  /** What a fail-over lost: writes of drains (all that justifies a halt by itself), changes to pending events. */
  readonly lost: { readonly drains: boolean; readonly changes: boolean };
  /** Versions stored so far under each id, forgotten or not. */
  readonly versions: readonly number[];
  readonly kafka: Kafka;
  readonly drains: readonly [Drain, Drain];
  readonly halted: string | null;
  /** An operator's resend under way. */
  readonly resending: Resending | null;
  /** Null where drains start by themselves. */
  readonly control: Control | null;
  readonly left: Budget;
}

/** One thing that can happen next. */
export interface Next {
  readonly label: string;
  readonly world: World;
}
