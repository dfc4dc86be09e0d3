import type { BreakerConfig, BreakerState } from './breaker';
import { CLOSED_BREAKER, DEFAULT_BREAKER } from './breaker';
import { DEFAULT_MAX_ATTEMPTS, DEFAULT_ON_POISON } from './hold-key';
import type { OnPoison } from './hold-key';
import type { PlainKey } from './plain-key';
import type { PublisherRef } from './publisher';
import type { RefusedReplay, ReplayCommand } from './replay-commands';
import type { QuotaConfig, QuotaState } from './quota';
import { UNLIMITED_QUOTA, initialQuota } from './quota';
import type { QuotaUsage } from './quota-usage';
import { initialUsage } from './quota-usage';

/** Everything a publisher workflow knows: plain JSON, carried over continue-as-new, returned by the query `state`. */
export interface PublisherState {
  readonly tenant: string;
  readonly destination: string;
  readonly shard: number;
  /** The deployment's settings. */
  readonly defaults: PublisherConfig;
  /** In force: the deployment's defaults under what operators set. */
  readonly config: PublisherConfig;
  /** What operators set, and nothing else: a new deployment's defaults reach all other fields. */
  readonly overrides: Overrides;
  readonly breaker: BreakerState;
  /** The bucket, with the limits in force beside it. */
  readonly quota: QuotaState & QuotaConfig;
  readonly usage: QuotaUsage;
  readonly paused: Paused | null;
  /** Always null: what Postgres and Kafka contradict each other about is a relay's, and halts that. */
  readonly halted: null;
  readonly counters: Counters;
  readonly drain: DrainMemory;
  /** Replays that were asked for and are not stored yet; absent = none. */
  readonly replayRequests?: readonly ReplayCommand[];
  /** Those that could not be stored, the newest last; absent = none. */
  readonly refusedReplays?: readonly RefusedReplay[];
}

export interface PublisherConfig {
  readonly breaker: BreakerConfig;
  readonly quota: QuotaConfig;
  readonly onPoison: OnPoison;
  /** Refusals of one event until it is parked. Outages never count. */
  readonly maxAttempts: number;
  readonly weight: number;
  /** Beside what the deployment names. */
  readonly plainKey: PlainKey;
}

export interface Overrides {
  readonly breaker?: Partial<BreakerConfig>;
  readonly quota?: Partial<QuotaConfig>;
  readonly onPoison?: OnPoison;
  readonly maxAttempts?: number;
  readonly weight?: number;
  readonly plainKey?: PlainKey;
  /** An operator holds the breaker open: the reason and when. */
  readonly heldOpen?: { readonly reason: string; readonly since: number };
}

export interface Paused {
  readonly by: string;
  readonly why: string;
  readonly since: number;
  /** ms since epoch; null = until an operator resumes. */
  readonly until: number | null;
}

export interface Counters {
  readonly wakes: number;
  readonly drains: number;
  readonly batches: number;
  readonly published: number;
  readonly parked: number;
  readonly failures: number;
  /** Commands whose arguments made no sense: counted and dropped, they never wedge the workflow. */
  readonly refusedCommands: number;
}

/** What the workflow remembers of its drains. */
export interface DrainMemory {
  /** Grants handed out since the publisher's first run; part of each drain's address. */
  readonly grants: number;
  readonly lastWorker: string | null;
  /** Something may be pending: a wake came, or the last drain did not end empty. */
  readonly woken: boolean;
  /** Drains in a row that failed, for whatever reason: the exponent of the back-off between them. */
  readonly failed: number;
  /** No drain before this moment (ms since epoch) after a failure below the breaker's threshold. */
  readonly retryAt: number | null;
  readonly lastFailure: { readonly code: string; readonly message: string; readonly at: number } | null;
  readonly blockedTopics: readonly string[];
  /** When something was published last, ms since epoch; null = never, or too long ago for that to say anything. */
  readonly publishedAt: number | null;
  /** The last drain was refused because everything is paused; the sweep wakes this publisher afterwards. */
  readonly allPaused: boolean;
}

export function defaultConfig(
  breaker: BreakerConfig = DEFAULT_BREAKER,
  quota: QuotaConfig = UNLIMITED_QUOTA,
): PublisherConfig {
  return { breaker, quota, onPoison: DEFAULT_ON_POISON, maxAttempts: DEFAULT_MAX_ATTEMPTS, weight: 1, plainKey: [] };
}

/** The deployment's defaults under what operators set. */
export function mergeConfig(base: PublisherConfig, overrides: Overrides): PublisherConfig {
  return {
    breaker: { ...base.breaker, ...overrides.breaker },
    quota: { ...base.quota, ...overrides.quota },
    onPoison: overrides.onPoison ?? base.onPoison,
    maxAttempts: overrides.maxAttempts ?? base.maxAttempts,
    weight: overrides.weight ?? base.weight,
    plainKey: overrides.plainKey ?? base.plainKey,
  };
}

export function initialState(ref: PublisherRef, config: PublisherConfig, now: number): PublisherState {
  return {
    ...ref,
    defaults: config,
    config,
    overrides: {},
    breaker: CLOSED_BREAKER,
    quota: { ...initialQuota(config.quota, now), ...config.quota },
    usage: initialUsage(now),
    paused: null,
    halted: null,
    counters: { wakes: 0, drains: 0, batches: 0, published: 0, parked: 0, failures: 0, refusedCommands: 0 },
    drain: {
      grants: 0,
      lastWorker: null,
      woken: true,
      failed: 0,
      retryAt: null,
      lastFailure: null,
      blockedTopics: [],
      publishedAt: null,
      allPaused: false,
    },
  };
}
