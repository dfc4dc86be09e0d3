import { condition, continueAsNew, setCurrentDetails } from '@temporalio/workflow';
import type { PublisherInput, PublisherSettings } from '../domain/publisher-settings';
import { waitStarted } from '../domain/publisher-outcome';
import { breakerProbing } from '../domain/breaker';
import type { Decision } from '../domain/publisher-decision';
import type { PublisherState } from '../domain/publisher-state';
import { advance, decide } from '../domain/publisher-decision';
import { defaultConfig, initialState } from '../domain/publisher-state';
import { restore, withDefaults } from '../domain/publisher-commands';
import { BreakerNotices } from './breaker-notices';
import { describeState } from './current-details';
import { drainOnce } from './drain-once';
import { carryOutEarly, registerHandlers } from './handlers';
import { mustContinue } from './must-continue';
import { keptPart, local, remember, rowPart } from './publisher-box';
import type { Box } from './publisher-box';
import { ReplayRequests } from './replay-requests';
import { ShownAttributes } from './search-attributes';

/** An hour: ten thousand paused publishers then renew three leases a second. */
const LEASE_MS = 3_600_000;
/** Timers and Postgres take longer waits, but nobody means them. */
const MAX_WAIT_MS = 30 * 86_400_000;

/**
 * The publisher of one tenant and destination. Owns breaker, quota, pause and counters; sleeps without timers while
 * nothing is pending; hands out one grant at a time to one drain activity, which attaches it to a relay.
 */
export async function publisher(input: PublisherInput): Promise<void> {
  const ref = input.publisher;
  // State and handlers first, before any await: buffered signals run as soon as their handlers exist.
  const now = Date.now();
  const start = input.state ?? initialState(ref, defaultConfig(), now);
  const box: Box = {
    state: start,
    changed: true,
    remembered: '',
    early: input.state === undefined ? [] : null,
    notices: new BreakerNotices(start.breaker.state),
  };
  registerHandlers(box);

  const { settings, saved } = await local.loadPublisher(ref);
  if (input.state === undefined) box.state = restore(box.state, saved);
  box.state = withDefaults(box.state, defaultConfig(settings.breaker, settings.quota));
  box.notices = new BreakerNotices(box.state.breaker.state);
  carryOutEarly(box);
  const { paused, limits, breaker } = saved;
  box.remembered = JSON.stringify({ paused, limits, breaker }, (key, value: unknown) =>
    key === 'transitions' ? undefined : value,
  );

  const attributes = new ShownAttributes(settings.searchAttributes);
  const requests = new ReplayRequests();
  let outlasted = false;
  for (;;) {
    if (mustContinue(settings)) {
      await continueAsNew<typeof publisher>({ publisher: ref, state: box.state });
    }
    box.changed = false;
    box.state = advance(box.state, Date.now());
    // Before anything acts on it: what an operator ended or set must survive a terminated workflow or a wiped Temporal.
    await remember(box, ref);
    let again = false;
    for (const command of box.state.replayRequests ?? []) {
      again = !requests.ended(box, ref, command, await requests.attempt(ref, command));
      if (again) break;
    }
    const decision = decide(box.state, Date.now(), settings.maxGrant);
    setCurrentDetails(describeState(box.state, decision));
    attributes.show(shown(box.state, decision), decision, outlasted, Date.now());
    if (decision.kind === 'drain') outlasted = await drainOnce(box, ref, decision);
    else if (!again) await waitForChange(box, ref, decision, settings);
  }
}

/** With the breaker as it will be while a probe is on its way. */
function shown(state: PublisherState, decision: Decision): PublisherState {
  if (decision.kind !== 'drain' || !decision.probe) return state;
  return { ...state, breaker: breakerProbing(state.breaker, Date.now()) };
}

/** Sleeps until a message changes something, the decision's moment comes, or the run must continue as new. */
async function waitForChange(
  box: Box,
  ref: PublisherInput['publisher'],
  decision: Extract<Decision, { kind: 'wait' }>,
  settings: PublisherSettings,
): Promise<void> {
  const woken = (): boolean => box.changed || mustContinue(settings);
  // The detach has written `sleeping`, together with its last look at the backlog: writing it here again could
  // overwrite a wake that came in between.
  if (decision.why === 'sleeping') return void (await condition(woken));
  const now = Date.now();
  box.state = waitStarted(box.state, decision, now);
  // A wait without end is a lease in the row, renewed by a timer: if this workflow is lost, the sweep finds the publisher.
  const waitMs = Math.min(decision.until === null ? LEASE_MS * 0.8 : decision.until - now, MAX_WAIT_MS);
  const until = decision.until ?? now + LEASE_MS;
  const kept = keptPart(box.state);
  const counted = { breakerTo: box.notices.take(), denied: decision.quota === true };
  await local.savePublisher(ref, { why: decision.why, until, ...rowPart(box.state), ...counted });
  box.remembered = JSON.stringify(kept);
  await condition(woken, Math.max(1, waitMs), { summary: decision.why });
}
