import type { ErrorCode } from './errors';
import type { OnPoison } from './hold-key';
import type { PlainKey } from './plain-key';
import type { PublisherRef } from './publisher';
import type { QuotaConfig, QuotaState } from './quota';

/** What the workflow asks of one drain activity: its grant and the settings that the relay needs. Plain JSON, never payloads. */
export interface DrainRequest {
  readonly publisher: PublisherRef;
  /** Most events of a probe; else what a quota cut is in `quota`. */
  readonly events: number;
  /** True for the probe of a breaker: `events` is all it may send. Absent = no. */
  readonly probe?: boolean;
  /** The bucket as it is granted, which the relay refills while the publisher is attached. Absent = unlimited. */
  readonly quota?: QuotaState & QuotaConfig;
  readonly weight: number;
  readonly onPoison: OnPoison;
  /** Refusals of one event until it is parked. */
  readonly maxAttempts: number;
  /** Topics whose messages carry the ordering key alone. Absent = none beside the deployment's. */
  readonly plainKey?: PlainKey;
}

/** Where the outcome of a drain goes: the activity that attached, and answers when it is detached. */
export interface DrainAddress {
  readonly workflowId: string;
  readonly runId: string;
  readonly activityId: string;
}

/** What a drain tells the workflow. Totals come from Postgres, so a lost result neither overspends nor miscounts. */
export interface DrainOutcome {
  readonly published: number;
  /** Bytes of what was published, as quotas count them. */
  readonly publishedBytes: number;
  readonly parked: number;
  readonly batches: number;
  readonly end: DrainEnd;
  readonly failure: DrainFailure | null;
  readonly blockedTopics: readonly string[];
  readonly worker: string;
  /** The bucket that the relay gives back: what was published is paid from it. Absent = the workflow pays. */
  readonly quota?: QuotaState;
  /** How often it had to wait for tokens. Absent = never. */
  readonly denials?: number;
  /** ms since something was published last. Absent = it ended with that, or nothing was. */
  readonly quietMs?: number;
}

/**
 * empty    nothing to do any more, and nothing came for as long as it lingers; the row says sleeping, wakes arrive by signal
 * granted  the probe's events are sent, or the quota allows nothing for long
 * time     its time is over, an order came, or its relay or answer was lost; more may be pending
 * stopping this worker shuts down
 * failed   see `failure`
 * paused   an operator paused this publisher or all of them, or opened its breaker; the row says sleeping, the sweep or the workflow goes on later
 */
export type DrainEnd = 'empty' | 'granted' | 'time' | 'stopping' | 'failed' | 'paused';

export interface DrainFailure {
  readonly code: ErrorCode;
  readonly message: string;
  /** True if it counts as a failure of the destination. */
  readonly breaker: boolean;
}
