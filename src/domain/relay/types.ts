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

export interface Barrier {
  readonly kind: 'barrier';
  readonly fence: number;
  readonly server: string;
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
