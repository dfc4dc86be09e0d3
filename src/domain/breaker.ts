/**
 * Circuit breaker of one publisher as a pure reducer over plain data: no clock, no timers, so that it replays.
 * closed → open after `threshold` consecutive failures of the destination; open → half-open when the probe is due;
 * half-open → closed on success, → open with a longer wait on failure. An operator opens it from any state and closes it again.
 */
export interface BreakerConfig {
  /** Consecutive failures that open it. */
  readonly threshold: number;
  /** First wait before a probe, ms. */
  readonly resetMs: number;
}

export interface BreakerState {
  readonly state: 'closed' | 'open' | 'half-open';
  /** Consecutive failures of the destination. */
  readonly failures: number;
  /** How often in a row it opened without closing again: the exponent of the back-off. */
  readonly openings: number;
  readonly openedAt: number | null;
  readonly nextProbeAt: number | null;
  readonly reason: string | null;
  /** True when an operator opened it: no probe until an operator resets it. */
  readonly manual: boolean;
  /** The last changes of state, newest last: at most MAX_TRANSITIONS. */
  readonly transitions: readonly BreakerTransition[];
}

export interface BreakerTransition {
  readonly from: BreakerState['state'];
  readonly to: BreakerState['state'];
  /** ms since epoch. */
  readonly at: number;
  readonly why: string;
}

/** What the publisher's row keeps of a breaker that opened by itself: half-open is forgotten, the probe is simply due. */
export type OpenBreaker = Pick<BreakerState, 'failures' | 'openings' | 'openedAt' | 'nextProbeAt' | 'reason'> & {
  /** Written along, and no reason by itself to write the row. Absent in rows of older versions. */
  readonly transitions?: BreakerState['transitions'];
};

/** Ten times the reset interval: long enough to spare a dead destination, short enough that healing is noticed in minutes. */
const MAX_BACKOFF_FACTOR = 10;

/** Bounded: the state travels with every continue-as-new. */
export const MAX_TRANSITIONS = 10;

/** One event per half-open probe: enough to learn, little to lose. */
export const PROBE_EVENTS = 1;

export const DEFAULT_BREAKER: BreakerConfig = { threshold: 3, resetMs: 60_000 };

export const CLOSED_BREAKER: BreakerState = {
  state: 'closed',
  failures: 0,
  openings: 0,
  openedAt: null,
  nextProbeAt: null,
  reason: null,
  manual: false,
  transitions: [],
};

/** The destination took something. An open breaker is closed by a probe only, so a late success changes nothing. */
export function breakerSucceeded(state: BreakerState, now: number): BreakerState {
  if (state.state === 'open') return state;
  if (state.state === 'closed' && state.failures === 0) return state;
  return { ...CLOSED_BREAKER, transitions: moved(state, 'closed', now, 'the probe succeeded') };
}

/** `random` in [0, 1): the jitter, ±20 %, keeps publishers of one dead broker from probing in step. */
export function breakerFailed(
  state: BreakerState,
  config: BreakerConfig,
  now: number,
  reason: string,
  random: number,
): BreakerState {
  if (state.state === 'open') return state;
  const failures = state.failures + 1;
  if (state.state !== 'half-open' && failures < config.threshold) return { ...state, failures, reason };
  const factor = Math.min(2 ** state.openings, MAX_BACKOFF_FACTOR);
  const wait = Math.round(config.resetMs * factor * (0.8 + 0.4 * random));
  return {
    state: 'open',
    failures,
    openings: Math.min(state.openings + 1, 16),
    openedAt: state.openedAt ?? now,
    nextProbeAt: now + wait,
    reason,
    manual: false,
    transitions: moved(state, 'open', now, reason),
  };
}

export function breakerOpenedByOperator(state: BreakerState, now: number, reason: string): BreakerState {
  const transitions = moved(state, 'open', now, reason);
  return { ...state, state: 'open', openedAt: now, nextProbeAt: null, reason, manual: true, transitions };
}

export function breakerResetByOperator(state: BreakerState, now: number, why: string): BreakerState {
  return { ...CLOSED_BREAKER, transitions: moved(state, 'closed', now, why) };
}

/** What must survive a lost workflow; null when there is nothing, or an operator's order keeps it. */
export function openBreakerOf(state: BreakerState): OpenBreaker | null {
  if (state.state === 'closed' || state.manual) return null;
  const { failures, openings, openedAt, nextProbeAt, reason } = state;
  return { failures, openings, openedAt, nextProbeAt, reason };
}

/** Open again as it was, with the same probe to come. */
export function reopened(saved: OpenBreaker): BreakerState {
  return { ...CLOSED_BREAKER, ...saved, state: 'open' };
}

function moved(state: BreakerState, to: BreakerState['state'], at: number, why: string): readonly BreakerTransition[] {
  if (state.state === to) return state.transitions;
  return [...state.transitions, { from: state.state, to, at, why: why.slice(0, 200) }].slice(-MAX_TRANSITIONS);
}

/** What the breaker allows at `now`: everything, one probe, or nothing until a moment (null = until an operator acts). */
export function breakerAllows(
  state: BreakerState,
  now: number,
): { readonly allow: 'all' | 'probe' } | { readonly allow: 'none'; readonly until: number | null } {
  if (state.state === 'closed') return { allow: 'all' };
  if (state.state === 'half-open') return { allow: 'probe' };
  if (state.nextProbeAt !== null && now >= state.nextProbeAt) return { allow: 'probe' };
  return { allow: 'none', until: state.nextProbeAt };
}

/** The probe starts: open → half-open. */
export function breakerProbing(state: BreakerState, now: number): BreakerState {
  if (state.state !== 'open' || state.manual) return state;
  return { ...state, state: 'half-open', transitions: moved(state, 'half-open', now, 'the probe is due') };
}
