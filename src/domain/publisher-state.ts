import type { BreakerConfig, BreakerState } from './breaker';
import { CLOSED_BREAKER, DEFAULT_BREAKER, PROBE_EVENTS, breakerAllows } from './breaker';
import { DEFAULT_MAX_ATTEMPTS, DEFAULT_ON_POISON } from './hold-key';
import type { OnPoison } from './hold-key';
import type { HaltOrder } from './halt';
import type { PlainKey } from './plain-key';
import type { PublisherRef } from './publisher';
import type { RefusedReplay, ReplayCommand } from './replay-commands';
import type { QuotaConfig, QuotaState } from './quota';
import { UNLIMITED_QUOTA, grantable, initialQuota, refill, waitForTokens } from './quota';
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
  readonly halted: Halted | null;
  /** How the last halt was ended. */
  readonly lastHalt?: string;
  readonly counters: Counters;
  readonly drain: DrainMemory;
  /** Replays that were asked for and are not stored yet; absent = none. */
  readonly replayRequests?: readonly ReplayCommand[];
  /** Those that could not be stored, the newest last; absent = none. */
  readonly refusedReplays?: readonly RefusedReplay[];
  /** Of those about events and the tenant; absent = none yet. */
  readonly lastCommand?: LastCommand;
}

/** What became of the last command that was carried out in Postgres: a signal has no other answer. */
export interface LastCommand {
  readonly name: string;
  readonly by: string;
  /** ms since epoch. */
  readonly at: number;
  readonly outcome: string;
}

export interface PublisherConfig {
  readonly breaker: BreakerConfig;
  readonly quota: QuotaConfig;
  readonly onPoison: OnPoison;
  /** Refusals of one event until it is parked. Outages never count. */
  readonly maxAttempts: number;
  readonly weight: number;
  /** Beside what the deployment names; absent in a state of an older release. */
  readonly plainKey?: PlainKey;
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

export interface Halted {
  readonly why: string;
  readonly since: number;
  /** A way out that an operator chose and that is being carried out. */
  readonly order?: HaltOrder;
  /** What was chosen last, and why it was not possible. */
  readonly refused?: string;
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
  /** Grants handed out since the publisher's first run; part of each grant id. */
  readonly grants: number;
  readonly lastWorker: string | null;
  /** Something may be pending: a wake came, or the last drain did not end empty. */
  readonly woken: boolean;
  /** A batch may be in doubt: D0–D2 must run even while paused or open. */
  readonly doubt: boolean;
  /** Drains in a row that failed, for whatever reason: the exponent of the back-off between them. */
  readonly failed: number;
  /** No drain before this moment (ms since epoch) after a failure below the breaker's threshold. */
  readonly retryAt: number | null;
  readonly lastFailure: { readonly code: string; readonly message: string; readonly at: number } | null;
  readonly blockedTopics: readonly string[];
  /** When a drain that published something ended, ms since epoch; absent in a state of an older release. */
  readonly publishedAt?: number | null;
  /** The last drain was refused because everything is paused; the sweep wakes this publisher afterwards. */
  readonly allPaused: boolean;
}

/** What the publisher does next. */
export type Decision =
  | { readonly kind: 'drain'; readonly events: number; readonly bytes: number | null; readonly probe: boolean }
  /** An operator chose how a halt ends. */
  | { readonly kind: 'unhalt'; readonly order: HaltOrder }
  /** `quota`: it has to wait for tokens. */
  | { readonly kind: 'wait'; readonly why: WaitReason; readonly until: number | null; readonly quota?: true };

/** The row's state while the publisher waits: the sweep reads it and leaves such publishers alone. */
export type WaitReason = 'sleeping' | 'paused' | 'throttled' | 'open' | 'halted';

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
    plainKey: overrides.plainKey ?? base.plainKey ?? [],
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
      // A fresh workflow cannot know what its predecessor left.
      doubt: true,
      failed: 0,
      retryAt: null,
      lastFailure: null,
      blockedTopics: [],
      allPaused: false,
    },
  };
}

/** A state that an older version carried over continue-as-new, with what it lacks. */
export function upgraded(state: PublisherState, now: number): PublisherState {
  const { quota, breaker, drain } = state as Partial<PublisherState>;
  return {
    ...state,
    defaults: (state as Partial<PublisherState>).defaults ?? defaultConfig(),
    breaker: { ...CLOSED_BREAKER, ...breaker },
    quota: { ...initialQuota(UNLIMITED_QUOTA, now), ...UNLIMITED_QUOTA, ...quota },
    usage: (state as Partial<PublisherState>).usage ?? initialUsage(now),
    drain: { ...state.drain, allPaused: drain?.allPaused ?? false },
  };
}

/** Settles what is in doubt and sends nothing. */
const LOOK_ONLY: Extract<Decision, { kind: 'drain' }> = { kind: 'drain', events: 0, bytes: null, probe: false };

/** Lets time do its work: refills the quota, ends a pause whose time is over. */
export function advance(state: PublisherState, now: number): PublisherState {
  const quota = { ...refill(state.quota, state.config.quota, now), ...state.config.quota };
  const over = state.paused !== null && state.paused.until !== null && now >= state.paused.until;
  // Nobody wakes a paused publisher, so the end of a pause counts as a wake.
  return over ? { ...state, quota, paused: null, drain: { ...state.drain, woken: true } } : { ...state, quota };
}

/**
 * The next step of an advanced state. Order matters: a halted publisher touches nothing; one that is paused or out of tokens only
 * settles what is in doubt (a grant of 0); then back-off, breaker and quota each may say when to look again. `looksThrottled`: false
 * while a run is replayed that waited for tokens first.
 */
export function decide(
  state: PublisherState,
  now: number,
  maxGrant: number,
  looksThrottled: () => boolean = () => true,
): Decision {
  if (state.halted !== null) {
    const { order } = state.halted;
    return order === undefined ? { kind: 'wait', why: 'halted', until: null } : { kind: 'unhalt', order };
  }
  const retryAt = state.drain.retryAt;
  const backingOff = retryAt !== null && now < retryAt;
  if (state.paused !== null) {
    if (!state.drain.doubt) return { kind: 'wait', why: 'paused', until: state.paused.until };
    if (!backingOff) return LOOK_ONLY;
    return { kind: 'wait', why: 'paused', until: retryAt };
  }
  if (!state.drain.woken && !state.drain.doubt) return { kind: 'wait', why: 'sleeping', until: null };
  const breaker = breakerAllows(state.breaker, now);
  // An operator's look at the row is not to say less than the breaker while both make it wait.
  if (backingOff) return { kind: 'wait', why: breaker.allow === 'all' ? 'throttled' : 'open', until: retryAt };
  if (breaker.allow === 'none') {
    // An operator opened it while a batch was in doubt: settle that one, for readers of a shared topic wait for it.
    if (state.breaker.manual && state.drain.doubt) return LOOK_ONLY;
    return { kind: 'wait', why: 'open', until: breaker.until };
  }
  const wanted = breaker.allow === 'probe' ? PROBE_EVENTS : maxGrant;
  const { events, bytes } = grantable(state.quota, state.config.quota, wanted);
  if (events === 0) {
    // A rate of 0 never grants anything: readers of a shared topic would wait for the batch in doubt until it is raised.
    if (state.drain.doubt && looksThrottled()) return { ...LOOK_ONLY, probe: breaker.allow === 'probe' };
    const wait = waitForTokens(state.quota, state.config.quota, wanted);
    return { kind: 'wait', why: 'throttled', until: wait === null ? null : now + wait, quota: true };
  }
  return { kind: 'drain', events, bytes, probe: breaker.allow === 'probe' };
}
