import { PROBE_EVENTS, breakerAllows } from './breaker';
import type { HaltOrder } from './halt';
import type { PublisherState } from './publisher-state';
import { grantable, refill, waitForTokens } from './quota';

/** What the publisher does next. */
export type Decision =
  | { readonly kind: 'drain'; readonly events: number; readonly bytes: number | null; readonly probe: boolean }
  /** An operator chose how a halt ends. */
  | { readonly kind: 'unhalt'; readonly order: HaltOrder }
  /** `quota`: it has to wait for tokens. */
  | { readonly kind: 'wait'; readonly why: WaitReason; readonly until: number | null; readonly quota?: true };

/** The row's state while the publisher waits: the sweep reads it and leaves such publishers alone. */
export type WaitReason = 'sleeping' | 'paused' | 'throttled' | 'open' | 'halted';

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
