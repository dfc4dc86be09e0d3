import type { ErrorCode } from './errors';
import type { OnPoison } from './hold-key';
import type { PlainKey } from './plain-key';
import type { PublisherRef } from './publisher';
import type { QuotaConfig, QuotaState } from './quota';

/** What the workflow asks of one drain activity. Plain JSON, never payloads. */
export interface DrainRequest {
  readonly publisher: PublisherRef;
  /** Names this grant for ever: a retried drain subtracts what the grant recorded already. */
  readonly grantId: string;
  /** Most events to record under this grant; 0 = only settle what is in doubt (D0–D2). */
  readonly events: number;
  /** Most bytes to record under this grant (a first event may exceed them alone); null or absent = no bound. */
  readonly bytes?: number | null;
  /** Most time to spend before returning, ms: from the last moment at which nothing was pending, if there is `keptUpMaxMs`. */
  readonly maxMs: number;
  /** Most time in all, ms, of a drain that keeps up with its events. Absent = `maxMs`. */
  readonly keptUpMaxMs?: number;
  /** How long to wait for new events once the backlog is empty, ms. */
  readonly lingerMs: number;
  /** The worker of the last drain, which may still hold this publisher's clean session; null = unknown. */
  readonly lastWorker: string | null;
  /** While others wait for a slot, the drain's slice of time is as many seconds; absent = 1. */
  readonly weight?: number;
  /** True while the last drain failed: take everything in doubt over first, in small batches. */
  readonly cautious: boolean;
  /** Absent in a request of an older release: hold-key. */
  readonly onPoison?: OnPoison;
  /** Refusals of one event until it is parked; absent in a request of an older release. */
  readonly maxAttempts?: number;
  /** True if a quota cut the grant. Absent = no. */
  readonly limited?: boolean;
  /** True if an activity of the same grant was given up before: an attempt of it may have recorded. Absent = no. */
  readonly again?: boolean;
  /** Topics whose messages carry the ordering key alone. Absent = none beside the deployment's. */
  readonly plainKey?: PlainKey;
  /** The bucket as it is granted to a drain on a relay, which refills it while it is attached. Absent = unlimited. */
  readonly quota?: QuotaState & QuotaConfig;
  /** True for the probe of a breaker: `events` is all it may send. Absent = no. */
  readonly probe?: boolean;
}

/** Where the outcome of a drain on a relay goes: the activity that attached, and answers when it is detached. */
export interface DrainAddress {
  readonly workflowId: string;
  readonly runId: string;
  readonly activityId: string;
}

/** What a drain tells the workflow. Totals come from Postgres, so a lost result neither overspends nor miscounts. */
export interface DrainOutcome {
  /** Events recorded under this grant (whether sent by this attempt or an earlier one). */
  readonly recorded: number;
  /** Their bytes; absent from workers of older versions. */
  readonly recordedBytes?: number;
  /** Events settled by this attempt. */
  readonly published: number;
  /** Events parked by this attempt. */
  readonly parked: number;
  readonly batches: number;
  readonly end: DrainEnd;
  readonly failure: DrainFailure | null;
  readonly blockedTopics: readonly string[];
  readonly worker: string;
  /** The bucket that a drain on a relay gives back: what it published is paid from it. Absent = the workflow pays `recorded`. */
  readonly quota?: QuotaState;
  /** How often a drain on a relay had to wait for tokens. Absent = never. */
  readonly denials?: number;
  /** ms since a drain on a relay published something last. Absent = it ended with that, or has published nothing. */
  readonly quietMs?: number;
}

/**
 * empty    nothing to do any more; the row says sleeping, wakes arrive by signal
 * granted  the grant is used up
 * time     `maxMs` is over (or others wait); more may be pending
 * keptUp   nothing is pending, but `keptUpMaxMs` is over before it has waited long enough for more: the next drain goes on waiting
 * stopping this worker shuts down
 * fenced   another drain took over
 * failed   see `failure`
 * paused   an operator paused this publisher or all of them; the row says sleeping, the sweep or the workflow goes on later
 * halted   row and ledger contradict each other; an operator must decide
 */
export type DrainEnd = 'empty' | 'granted' | 'time' | 'keptUp' | 'stopping' | 'fenced' | 'failed' | 'paused' | 'halted';

export interface DrainFailure {
  readonly code: ErrorCode;
  readonly message: string;
  /** True if it counts as a failure of the destination. */
  readonly breaker: boolean;
}
