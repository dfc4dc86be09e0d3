import { PROBE_EVENTS, breakerAllows } from './breaker';
import type { PublisherState } from './publisher-state';
import { grantable, refill, waitForTokens } from './quota';

/** What the publisher does next. */
export type Decision =
  | { readonly kind: 'drain'; readonly events: number; readonly probe: boolean }
  /** `quota`: it has to wait for tokens. */
  | { readonly kind: 'wait'; readonly why: WaitReason; readonly until: number | null; readonly quota?: true };

/** The row's state while the publisher waits: the sweep reads it and leaves such publishers alone. */
export type WaitReason = 'sleeping' | 'paused' | 'throttled' | 'open';

/** Lets time do its work: refills the quota, ends a pause whose time is over. */
export function advance(state: PublisherState, now: number): PublisherState {
  const quota = { ...refill(state.quota, state.config.quota, now), ...state.config.quota };
  const over = state.paused !== null && state.paused.until !== null && now >= state.paused.until;
  // Nobody wakes a paused publisher, so the end of a pause counts as a wake.
  return over ? { ...state, quota, paused: null, drain: { ...state.drain, woken: true } } : { ...state, quota };
}

/**
 * The next step of an advanced state. Order matters: a pause holds everything up; then sleep, back-off, breaker and quota each may say when to
 * look again.
 */
export function decide(state: PublisherState, now: number, maxGrant: number): Decision {
  if (state.paused !== null) return { kind: 'wait', why: 'paused', until: state.paused.until };
  if (!state.drain.woken) return { kind: 'wait', why: 'sleeping', until: null };
  const breaker = breakerAllows(state.breaker, now);
  const { retryAt } = state.drain;
  // An operator's look at the row is not to say less than the breaker while both make it wait.
  if (retryAt !== null && now < retryAt)
    return { kind: 'wait', why: breaker.allow === 'all' ? 'throttled' : 'open', until: retryAt };
  if (breaker.allow === 'none') return { kind: 'wait', why: 'open', until: breaker.until };
  const wanted = breaker.allow === 'probe' ? PROBE_EVENTS : maxGrant;
  const { events } = grantable(state.quota, state.config.quota, wanted);
  if (events === 0) {
    const wait = waitForTokens(state.quota, state.config.quota, wanted);
    return { kind: 'wait', why: 'throttled', until: wait === null ? null : now + wait, quota: true };
  }
  return { kind: 'drain', events, probe: breaker.allow === 'probe' };
}
