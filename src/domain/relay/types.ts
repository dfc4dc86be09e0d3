import type { PublisherRef } from '../publisher';

/**
 * What a relay's partition of the ledger holds. `seq`: numbers of committed batches in a partition ascend without gap from 1
 * (an aborted one is used again). A barrier carries no seq.
 */
export interface Member {
  readonly eventId: string;
  /** Copy of a replay; null = the event itself. */
  readonly replayId: string | null;
  /** First 4 bytes, unsigned, of a hash of dedupe key and creation time. */
  readonly fingerprint: number;
}

export interface MemberGroup {
  readonly publisher: PublisherRef;
  readonly members: readonly Member[];
}

/** Which Postgres server wrote, and where it stands among those that descend from one another (lineage.ts). */
export interface Origin {
  /** S: another one after each start, promotion and restore. */
  readonly server: string;
  /** Of the cluster: the same on all its physical copies. */
  readonly system: string;
  /** Raised by each promotion. */
  readonly timeline: number;
  /** Where its own log stood when this database met it first, in bytes. */
  readonly wal: number;
  /** Raised by a database that replaces one elsewhere. */
  readonly generation: number;
}

export interface Barrier extends Origin {
  readonly kind: 'barrier';
  readonly fence: number;
  /** The offset of L when the take-over began, -1 for none. */
  readonly from: number;
  /** Number of relays that is in force, only meaningful in partition 0. */
  readonly relays: number;
}

export interface Batch {
  readonly kind: 'batch';
  readonly fence: number;
  readonly seq: number;
  readonly groups: readonly MemberGroup[];
}

export type LedgerRecord = Barrier | Batch;

export interface PlacedRecord {
  readonly offset: number;
  readonly record: LedgerRecord;
}

/** L with what was remembered of the record there (offset -1 / kind 'none': nothing yet). seq: of the last batch at or before L. */
export interface Settled {
  readonly offset: number;
  readonly kind: 'none' | 'barrier' | 'batch';
  readonly seq: number;
  readonly fence: number;
}
