import type { ErrorCode } from '../../domain/errors';
import type { OutboxEvent } from '../../domain/event';
import type { PlainKey } from '../../domain/plain-key';
import type { PublisherRef } from '../../domain/publisher';
import type { LedPartition, TopicPartition } from '../../domain/relay/admission';

/** Where an event of a batch went. */
export interface Placement {
  readonly partition: number;
  /** Decimal string. */
  readonly offset: string;
}

/** Events of one publisher within a relay's batch, in the order in which they are sent. */
export interface OutgoingGroup {
  readonly publisher: PublisherRef;
  readonly events: readonly OutboxEvent[];
  /** Aligned with `events`: what the ledger remembers of each (`Member.fingerprint`). */
  readonly fingerprints: readonly number[];
  /** Topics whose message key is the ordering key alone; absent = none beside the deployment's. */
  readonly plainKey?: PlainKey;
}

/** One transaction of a relay: these events and the ledger's record of them, or nothing. */
export interface OutgoingRelayBatch {
  readonly seq: number;
  readonly fence: number;
  readonly groups: readonly OutgoingGroup[];
}

/** Names an event of a batch: its group and its place there. */
export interface EventPlace {
  readonly group: number;
  readonly index: number;
}

/** A partition (or a whole topic: null) that took nothing of the batch, and the events that were to go there. */
export interface Refusal {
  readonly topic: string;
  readonly partition: number | null;
  readonly code: ErrorCode;
  /** Plain words that end with the remedy. */
  readonly reason: string;
  /** Where the broker named single records, those alone; else all that were to go there together. */
  readonly events: readonly EventPlace[];
  /** True if each of `events` was refused for itself: it was alone, or the broker named it. Only then may it be parked. */
  readonly byItself: boolean;
}

/**
 * committed    acknowledged; `places` is aligned with groups and their events
 * refused      nothing was committed and the epoch goes on: `seq` is used again. Nothing was sent, or EndTxn(abort) was acknowledged
 * unanswered   `partitions` of `all` did not take their part in time; the commit was never sent and this producer is dead
 *
 * `epochSpent`: an EndTxn had to be repeated, and the lost one may still arrive: it would end the next transaction of the same epoch
 * before its time. So there is none: the producer is dead, the result holds.
 */
export type TransactionResult =
  | {
      readonly kind: 'committed';
      readonly ledgerOffset: number;
      readonly places: readonly (readonly Placement[])[];
      readonly epochSpent: boolean;
    }
  | { readonly kind: 'refused'; readonly refusals: readonly Refusal[]; readonly epochSpent: boolean }
  | {
      readonly kind: 'unanswered';
      readonly partitions: readonly TopicPartition[];
      readonly all: readonly LedPartition[];
    };
