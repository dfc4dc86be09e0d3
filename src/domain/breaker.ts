/**
 * Circuit breaker of one publisher as a pure reducer over plain data: no clock, no timers, so that it replays.
 * closed → open after `threshold` consecutive failures of the destination; open → half-open when the probe is due;
 * half-open → closed on success, → open with a longer wait on failure.
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
}

/** Ten times the reset interval: long enough to spare a dead destination, short enough that healing is noticed in minutes. */
const MAX_BACKOFF_FACTOR = 10;

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
};

export function breakerSucceeded(state: BreakerState): BreakerState {
  return state.manual || (state.state === 'closed' && state.failures === 0) ? state : CLOSED_BREAKER;
}

/** `random` in [0, 1): the jitter, ±20 %, keeps publishers of one dead broker from probing in step. */
export function breakerFailed(
  state: BreakerState,
  config: BreakerConfig,
  now: number,
  reason: string,
  random: number,
): BreakerState {
  if (state.manual) return state;
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
  };
}

export function breakerOpenedByOperator(state: BreakerState, now: number, reason: string): BreakerState {
  return { ...state, state: 'open', openedAt: now, nextProbeAt: null, reason, manual: true };
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
export function breakerProbing(state: BreakerState): BreakerState {
  return state.state === 'open' && !state.manual ? { ...state, state: 'half-open' } : state;
}
