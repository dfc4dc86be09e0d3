import {
  allHandlersFinished,
  condition,
  continueAsNew,
  log,
  patched,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import type { DrainOutcome } from '../domain/drain';
import { publisherId } from '../domain/publisher';
import type {
  PublisherActivities,
  PublisherInput,
  PublisherSave,
  PublisherSettings,
} from '../domain/publisher-settings';
import { openBreakerOf } from '../domain/breaker';
import { haltOrderEnded } from '../domain/publisher-halt';
import type { HaltOrder } from '../domain/halt';
import { drainEnded, drainStarted, waitStarted } from '../domain/publisher-outcome';
import type { Decision, PublisherState } from '../domain/publisher-state';
import { advance, decide, defaultConfig, initialState, upgraded } from '../domain/publisher-state';
import { restore, withDefaults } from '../domain/publisher-commands';
import { BreakerNotices } from './breaker-notices';
import { describeState } from './current-details';
import { carryOutEarly, registerHandlers } from './handlers';
import { ReplayRequests } from './replay-requests';
import { startDrain } from './start-drain';
import { ShownAttributes } from './search-attributes';

const local = proxyLocalActivities<PublisherActivities>({
  startToCloseTimeout: '10s',
  retry: { initialInterval: '200ms', maximumInterval: '10s' },
});

/** An hour: ten thousand paused publishers then renew three leases a second. */
const LEASE_MS = 3_600_000;
/** Timers and Postgres take longer waits, but nobody means them. */
const MAX_WAIT_MS = 30 * 86_400_000;

/**
 * The publisher of one tenant and destination. Owns breaker, quota, pause and counters; sleeps without timers while
 * nothing is pending; hands out one grant at a time to one drain activity.
 */
export async function publisher(input: PublisherInput): Promise<void> {
  const ref = input.publisher;
  // State and handlers first, before any await: buffered signals run as soon as their handlers exist.
  const now = Date.now();
  const start = input.state === undefined ? initialState(ref, defaultConfig(), now) : upgraded(input.state, now);
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
  const { paused, halted, limits, breaker = null } = saved;
  box.remembered = JSON.stringify({ paused, halted, limits, breaker });

  const attributes = new ShownAttributes(settings.searchAttributes ?? []);
  const requests = new ReplayRequests();
  let outlasted = false;
  for (;;) {
    if (mustContinue(settings)) {
      await condition(allHandlersFinished);
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
    const decision = decide(box.state, Date.now(), settings.maxGrant, () => patched('look-while-throttled'));
    setCurrentDetails(describeState(box.state, decision));
    attributes.show(box.state, decision, outlasted, Date.now());
    if (decision.kind === 'drain') outlasted = await drainOnce(box, ref, decision, settings);
    else if (decision.kind === 'unhalt') await resolveOnce(box, ref, decision.order, settings);
    else if (!again) await waitForChange(box, ref, decision, settings);
  }
}

interface Box {
  state: PublisherState;
  /** Set by every handler; ends a wait. */
  changed: boolean;
  /** What the publisher's row has of it, as JSON. */
  remembered: string;
  /** Orders that came before the publisher's row was read; null from then on. */
  early: (() => void)[] | null;
  /** Changes of the breaker that nobody has counted yet. */
  notices: BreakerNotices;
}

async function remember(box: Box, ref: PublisherInput['publisher']): Promise<void> {
  const kept = keptPart(box.state);
  box.notices.look(box.state.breaker);
  if (JSON.stringify(kept) === box.remembered && !box.notices.any) return;
  await local.savePublisher(ref, { why: null, until: null, ...kept, breakerTo: box.notices.take() });
  box.remembered = JSON.stringify(kept);
}

function mustContinue(settings: PublisherSettings): boolean {
  const info = workflowInfo();
  return info.continueAsNewSuggested || info.historyLength >= settings.maxHistoryEvents;
}

/** True if the backlog outlasted the drain: its time or its grant was over first. */
async function drainOnce(
  box: Box,
  ref: PublisherInput['publisher'],
  decision: Extract<Decision, { kind: 'drain' }>,
  settings: PublisherSettings,
): Promise<boolean> {
  box.state = drainStarted(box.state, decision.probe, Date.now());
  box.notices.look(box.state.breaker);
  const drained = startDrain(box.state, ref, decision, settings);
  const outcome = await besidesRemembering(box, ref, drained);
  box.state = drainEnded(box.state, outcome, decision, Date.now(), Math.random());
  reportFailure(ref, outcome);
  return outcome.published > 0 && (outcome.end === 'time' || outcome.end === 'granted');
}

/**
 * Waits for the drain, and writes what an operator orders meanwhile into the row at once: there the running drain meets a
 * pause or an opened breaker before its next batch, instead of after a grant of many seconds.
 */
async function besidesRemembering(
  box: Box,
  ref: PublisherInput['publisher'],
  drained: Promise<DrainOutcome>,
): Promise<DrainOutcome> {
  let over = false;
  const remembering = (async () => {
    for (;;) {
      await condition(() => over || JSON.stringify(keptPart(box.state)) !== box.remembered);
      if (over) return;
      await remember(box, ref);
    }
  })();
  try {
    return await drained;
  } finally {
    over = true;
    await remembering;
  }
}

/** Reading topics may take long, so only the heartbeat and this limit end an attempt. */
const RESOLVE_MS = 6 * 3_600_000;

async function resolveOnce(
  box: Box,
  ref: PublisherInput['publisher'],
  order: HaltOrder,
  settings: PublisherSettings,
): Promise<void> {
  const { resolveHalt } = proxyActivities<PublisherActivities>({
    startToCloseTimeout: RESOLVE_MS,
    heartbeatTimeout: settings.heartbeatTimeoutMs,
    retry: { initialInterval: '100ms', backoffCoefficient: 2, maximumInterval: '10s' },
    summary: `${order.choice}, by ${order.by}`.slice(0, 200),
  });
  const outcome = await resolveHalt({ publisher: ref, ...order });
  box.state = haltOrderEnded(box.state, order, outcome);
  log.warn('halt order ended', { publisher: publisherId(ref), ...order, ...outcome });
}

/** Sleeps until a message changes something, the decision's moment comes, or the run must continue as new. */
async function waitForChange(
  box: Box,
  ref: PublisherInput['publisher'],
  decision: Extract<Decision, { kind: 'wait' }>,
  settings: PublisherSettings,
): Promise<void> {
  const woken = (): boolean => box.changed || mustContinue(settings);
  // The drain itself has written `sleeping`, together with its last look at the backlog: writing it here again could
  // overwrite a wake that came in between.
  if (decision.why === 'sleeping') return void (await condition(woken));
  const now = Date.now();
  box.state = waitStarted(box.state, decision, now);
  // A wait without end is a lease in the row, renewed by a timer: if this workflow is lost, the sweep finds the publisher.
  const waitMs = Math.min(decision.until === null ? LEASE_MS * 0.8 : decision.until - now, MAX_WAIT_MS);
  const until = decision.until ?? now + LEASE_MS;
  const kept = keptPart(box.state);
  const counted = { breakerTo: box.notices.take(), denied: decision.quota === true };
  await local.savePublisher(ref, { why: decision.why, until, ...kept, ...counted });
  box.remembered = JSON.stringify(kept);
  await condition(woken, Math.max(1, waitMs), { summary: decision.why });
}

/** What operators set or must know of, and an open breaker, as the publisher's row remembers it. */
function keptPart(state: PublisherState): Pick<PublisherSave, 'paused' | 'halted' | 'limits' | 'breaker'> {
  const { paused, halted, overrides: limits, breaker } = state;
  return { paused, halted, limits, breaker: openBreakerOf(breaker) };
}

function reportFailure(ref: PublisherInput['publisher'], outcome: DrainOutcome): void {
  if (outcome.failure === null) return;
  log.warn('drain failed', { publisher: publisherId(ref), end: outcome.end, code: outcome.failure.code });
}
