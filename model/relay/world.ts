import type { Labelled } from '../machine';
import type { Budget } from './budget';

/**
 * The state of the relays' model: plain immutable data, so that a state can be hashed, compared and kept. Words as in the
 * design: S is `Server.id`, f is `fence`, L is `settledTo`.
 */
export type Status = 'absent' | 'pending' | 'published' | 'failed' | 'skipped';

/** A member of a batch. `version` stands for the fingerprint: after a lossy fail-over an id is given to another event. */
export interface Item {
  readonly id: number;
  readonly version: number;
  /** 1 = the copy that a replay put beside the event. */
  readonly copy: 0 | 1;
}

export interface EventRow {
  readonly status: Status;
  readonly version: number;
  /** The replay's copy. */
  readonly copy: 'absent' | 'pending' | 'published';
}

/** Which relay may send a publisher's events, since which take-over of it. */
export interface Owner {
  readonly relay: number;
  readonly fence: number;
}

export interface PublisherRow {
  readonly owner: Owner | null;
  readonly stopped: boolean;
  readonly granted: number;
  /** Rows that settle or a take-over changed, or put into `unsettled`. */
  readonly used: number;
  /** The tenant was deleted. */
  readonly gone: boolean;
}

/** What a relay's row remembers of its ledger partition. */
export interface Remembered {
  /** L: all records before this index of the partition are settled. */
  readonly settledTo: number;
  /** The record before that index, as remembered: kind, f, seq, and what else tells it from another one. */
  readonly mark: string;
  /** The last batch's number up to there. */
  readonly seq: number;
}

export interface RelayRow extends Remembered {
  readonly fence: number;
  /** Each fence up to this one is taken over. */
  readonly closed: number;
  /** The server on which it was last taken over; 0 = none. */
  readonly recoveredOn: number;
}

/** Where a server stands among those that descend from one another. */
export interface Origin {
  /** Raised by each promotion. */
  readonly timeline: number;
  /** Raised by a copy that replaces the server it is an older copy of. */
  readonly generation: number;
  /** Length of the server's own log when a relay was first taken over on it; 0 = not yet. */
  readonly wal: number;
}

/** A Postgres server. One that was promoted, restarted or put back has a new identity. */
export interface Server extends Origin {
  readonly id: number;
  /** Length of its log now. */
  readonly log: number;
  /** Identities that it had before. */
  readonly ancestors: readonly number[];
  /** N: relays that exist. */
  readonly n: number;
  readonly relays: readonly RelayRow[];
  readonly publishers: readonly PublisherRow[];
  /** Row of event id at index id - 1. */
  readonly events: readonly EventRow[];
  readonly unsettled: readonly Item[];
  /** Ids of events whose rows another transaction has locked. */
  readonly locked: readonly number[];
}

export type Record =
  { readonly kind: 'batch'; readonly fence: number; readonly seq: number; readonly members: readonly Item[] } | Barrier;

export interface Barrier {
  readonly kind: 'barrier';
  readonly fence: number;
  readonly server: number;
  readonly origin: Origin;
  /** L when the take-over began. */
  readonly from: number;
  readonly n: number;
}

/** The transaction of one relay's producer. */
export interface Transaction {
  readonly data: readonly Item[];
  readonly records: readonly Record[];
  /** Decided, but markers cannot be written yet: a partition is without leader. */
  readonly end: Hanging | null;
}

export interface Hanging {
  readonly outcome: 'commit' | 'abort';
  /** The ledger partition has its marker: what it holds is decided. */
  readonly ledger: boolean;
  /** The coordinator itself ended it for a newer InitProducerId, and raised the epoch with it. */
  readonly fenced: boolean;
}

export interface Producer {
  readonly epoch: number;
  readonly open: Transaction | null;
}

/** A ledger partition, as read_committed readers see it. */
export interface Ledger {
  readonly records: readonly Record[];
  /** Retention has removed what is before this index. */
  readonly start: number;
  /** Raised when the topic is made anew. */
  readonly made: number;
}

/** A request whose sender gave up waiting: it arrives at any later time, or never. */
export type Late =
  | { readonly kind: 'data'; readonly relay: number; readonly epoch: number; readonly items: readonly Item[] }
  | { readonly kind: 'record'; readonly relay: number; readonly epoch: number; readonly record: Record }
  | { readonly kind: 'commit'; readonly relay: number; readonly epoch: number };

export interface Kafka {
  readonly producers: readonly Producer[];
  readonly ledgers: readonly Ledger[];
  /** Events whose commit is decided, in that order. */
  readonly log: readonly Item[];
  readonly late: readonly Late[];
}

/** A statement whose answer has not come yet: what it saw, and what was in flight when it began. */
export interface Claim {
  readonly items: readonly Item[];
}

export interface Batch {
  readonly seq: number;
  readonly items: readonly Item[];
}

export interface Sent extends Batch {
  /** Index of its record in the ledger partition. */
  readonly at: number;
}

/** A process that has leased one relay. Frozen and thawed needs no step: any holder may do nothing while others go on. */
export interface Holder {
  readonly step: 'idle' | 'init' | 'barrier' | 'fence' | 'older' | 'apply' | 'adopt' | 'open' | 'retired' | 'halted';
  readonly server: number;
  /** What the server said of itself at T0. */
  readonly origin: Origin;
  readonly fence: number;
  readonly epoch: number;
  /** T4: the next record to apply, and where the records that were read end. */
  readonly next: number;
  readonly until: number;
  /** Where this is an older copy: the generation that makes it the newer one. */
  readonly raisesTo: number;
  /** The last committed batch's number. */
  readonly seq: number;
  /** Publishers attached. */
  readonly set: readonly number[];
  readonly claim: Claim | null;
  readonly prepared: readonly Item[] | null;
  readonly sending: (Batch & { readonly end: 'open' | 'unsure' }) | null;
  readonly settling: readonly Sent[];
  /** Publishers that an adoption in two steps has read. */
  readonly adopting: readonly number[] | null;
  /** An EndTxn was repeated in this epoch. */
  readonly repeated: boolean;
  /** T3 and T4 run on a ledger that is decided while the producer hangs. */
  readonly aside: 'no' | 'now' | 'done';
  /** An event that was refused, to be parked. */
  readonly culprit: Item | null;
  /** What the relay's row said at T0. */
  readonly row: Remembered | null;
  /** N, as the barriers have it. */
  readonly n: number;
  /** Index of the barrier that raises N and is committed. */
  readonly raising: number | null;
}

export interface World {
  readonly pg: Server;
  /** The server before the last fail-over, while it can still be written to. */
  readonly old: Server | null;
  /** What the standby has: taken when replication stalls, it becomes `pg` by a fail-over. */
  readonly standby: Server | null;
  readonly kafka: Kafka;
  readonly holders: readonly Holder[];
  /** Of each relay the last epoch whose only user gave it up; kept where markers may hang. */
  readonly spentEpochs: readonly number[];
  /** Versions stored so far under each id, forgotten or not. */
  readonly versions: readonly number[];
  /** A fail-over forgot events, or what operators did: order can no longer be told from rows. */
  readonly forgot: boolean;
  /** Publishers whose pause an operator has seen complete, and not ended. */
  readonly told: readonly number[];
  /** What a holder halted for. */
  readonly halted: string | null;
  readonly left: Budget;
}

export type Next = Labelled<World>;
