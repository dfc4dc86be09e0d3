import type { BreakerConfig, BreakerState, OpenBreaker } from './breaker';
import type { QuotaConfig } from './quota';
import type { WaitReason } from './publisher-decision';
import type { Overrides, PublisherState } from './publisher-state';
import type { PublisherRef } from './publisher';
import type { SearchAttributeName } from './search-attributes';
import type { DrainAddress, DrainOutcome, DrainRequest } from './drain';
import type { ReplayCommand, ReplayRequestAnswer } from './replay-commands';

/** What the deployment decides, read at the start of each run, so that a new deployment reaches running publishers. */
export interface PublisherSettings {
  /** Most events one grant allows. */
  readonly maxGrant: number;
  /** A run continues as new beyond this many history events. */
  readonly maxHistoryEvents: number;
  readonly breaker: BreakerConfig;
  readonly quota: QuotaConfig;
  /** Those that the worker found registered at its start. */
  readonly searchAttributes: readonly SearchAttributeName[];
}

/** The part of the publisher's row that an operator set and that must survive a wiped Temporal. */
export interface SavedPublisher {
  readonly limits: Overrides;
  readonly paused: PublisherState['paused'];
  /** A breaker that opened by itself; null = closed, or held open by an operator (see limits). */
  readonly breaker: OpenBreaker | null;
}

/** One object argument, so that fields can be added without breaking running workflows. */
export interface PublisherInput {
  readonly publisher: PublisherRef;
  /** Carried over continue-as-new; absent on a fresh start. */
  readonly state?: PublisherState;
}

/** The activities of a publisher workflow. */
export interface PublisherActivities {
  /** Runs one drain; never throws for anything that belongs into an outcome. */
  drain(request: DrainRequest): Promise<DrainOutcome>;
  /** Local, short. Reads the deployment's settings and what operators saved. */
  loadPublisher(ref: PublisherRef): Promise<{ readonly settings: PublisherSettings; readonly saved: SavedPublisher }>;
  /** Local, short. Writes why the publisher waits and what operators set, so that sweep and restarts know. */
  savePublisher(ref: PublisherRef, save: PublisherSave): Promise<void>;
  /** Local, short. Whether the row names this drain, attached or about to be answered. */
  isAttached(ref: PublisherRef, address: DrainAddress): Promise<boolean>;
  /** Local, short. Stores a replay once, by its id; the sweep starts its workflow. */
  requestReplay(ref: PublisherRef, command: ReplayCommand, attempt: number): Promise<ReplayRequestAnswer>;
}

export interface PublisherSave {
  /** A breaker that opened by itself. */
  readonly breaker: OpenBreaker | null;
  /** null = only what operators set; the row's state stays as it is. */
  readonly why: WaitReason | null;
  /** ms since epoch, null = without end. */
  readonly until: number | null;
  readonly paused: PublisherState['paused'];
  readonly limits: Overrides;
  /** Only for counting: states that the breaker went to since the last save. */
  readonly breakerTo?: readonly BreakerState['state'][];
  /** Only for counting: something waits for the quota. */
  readonly denied?: boolean;
}
