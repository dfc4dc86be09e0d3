import type { HaltOutcome, HaltRequest } from './halt';
import type { BreakerConfig, BreakerState, OpenBreaker } from './breaker';
import type { QuotaConfig } from './quota';
import type { WaitReason } from './publisher-decision';
import type { Overrides, PublisherState } from './publisher-state';
import type { PublisherRef } from './publisher';
import type { SearchAttributeName } from './search-attributes';
import type { DrainAddress, DrainOutcome, DrainRequest } from './drain';
import type { ReplayCommand, ReplayRequestAnswer } from './replay-commands';
import type { TenantCommand, TenantCommandOutcome } from './tenant-commands';

/** What the deployment decides, read at the start of each run, so that a new deployment reaches running publishers. */
export interface PublisherSettings {
  /** Most events one grant allows. */
  readonly maxGrant: number;
  /** Most time one drain may take, ms. */
  readonly drainMaxMs: number;
  /** A drain that waits longer for a worker to start it is scheduled anew, ms. Absent = never. */
  readonly drainStartTimeoutMs?: number;
  /** How long a drain waits for new events after the backlog is empty, ms. */
  readonly lingerMs: number;
  /** A drain that sends no heartbeat for this long is given to another worker, ms. */
  readonly heartbeatTimeoutMs: number;
  /** A run continues as new beyond this many history events. */
  readonly maxHistoryEvents: number;
  /** Where drains of publishers whose last drain failed wait for slots of their own. Absent = in the common queue. */
  readonly suspectTaskQueue?: string;
  readonly breaker: BreakerConfig;
  /** Absent in settings that a worker of an older version read. */
  readonly quota?: QuotaConfig;
  /** `relays`: drains attach to a relay. Absent = each drain has a producer of its own. */
  readonly engine?: 'relays';
  /** Search attributes that the worker found registered at its start; absent = none. */
  readonly searchAttributes?: readonly SearchAttributeName[];
}

/** The part of the publisher's row that an operator set and that must survive a wiped Temporal. */
export interface SavedPublisher {
  readonly limits: Overrides;
  readonly paused: PublisherState['paused'];
  readonly halted: PublisherState['halted'];
  /** A breaker that opened by itself; null = closed, or held open by an operator (see limits). Absent from older versions. */
  readonly breaker?: OpenBreaker | null;
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
  /** Carries out what an operator chose for a halted publisher; answers what came of it, as a value like `drain`. */
  resolveHalt(request: HaltRequest): Promise<HaltOutcome>;
  /** Local, short. Reads the deployment's settings and what operators saved. */
  loadPublisher(ref: PublisherRef): Promise<{ readonly settings: PublisherSettings; readonly saved: SavedPublisher }>;
  /** Local, short. Writes why the publisher waits and what operators set, so that sweep and restarts know. */
  savePublisher(ref: PublisherRef, save: PublisherSave): Promise<void>;
  /** Local, short. Whether the row names this drain, attached or about to be answered. */
  isAttached(ref: PublisherRef, address: DrainAddress): Promise<boolean>;
  /** Local, short. Stores a replay once, by its id; the sweep starts its workflow. In histories of older versions it answers nothing. */
  requestReplay(ref: PublisherRef, command: ReplayCommand, attempt: number): Promise<ReplayRequestAnswer | undefined>;
  /** Local, short. Carries out a command about the tenant or its events once, by its id, and notes it in the audit. */
  carryOutCommand(ref: PublisherRef, command: TenantCommand, commandId: string): Promise<TenantCommandOutcome>;
}

export interface PublisherSave {
  /** A breaker that opened by itself. */
  readonly breaker?: OpenBreaker | null;
  /** null = only what operators set; the row's state stays as it is. */
  readonly why: WaitReason | null;
  /** ms since epoch, null = without end. */
  readonly until: number | null;
  readonly paused: PublisherState['paused'];
  readonly halted: PublisherState['halted'];
  readonly limits: Overrides;
  /** Only for counting: states that the breaker went to since the last save. */
  readonly breakerTo?: readonly BreakerState['state'][];
  /** Only for counting: something waits for the quota. */
  readonly denied?: boolean;
}
