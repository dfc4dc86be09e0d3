import {
  allHandlersFinished,
  condition,
  continueAsNew,
  log,
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
import { drainEnded, drainStarted } from '../domain/publisher-outcome';
import type { Decision, PublisherState } from '../domain/publisher-state';
import { advance, decide, defaultConfig, initialState, mergeConfig } from '../domain/publisher-state';
import { storedReplay } from '../domain/replay-commands';
import { restore, withConfig } from '../domain/publisher-commands';
import { describeState } from './current-details';
import { carryOutEarly, registerHandlers } from './handlers';

const local = proxyLocalActivities<PublisherActivities>({
  startToCloseTimeout: '10s',
  retry: { initialInterval: '200ms', maximumInterval: '10s' },
});

/** An hour: ten thousand paused publishers then renew three leases a second. */
const LEASE_MS = 3_600_000;
/** Timers and Postgres take longer waits, but nobody means them. */
const MAX_WAIT_MS = 30 * 86_400_000;

/** One attempt of a drain may linger and send for `drainMaxMs`; beyond this margin it is stuck and another takes over. */
const DRAIN_MARGIN_MS = 120_000;

/**
 * The publisher of one tenant and destination. Owns breaker, quota, pause and counters; sleeps without timers while
 * nothing is pending; hands out one grant at a time to one drain activity.
 */
export async function publisher(input: PublisherInput): Promise<void> {
  const ref = input.publisher;
  // State and handlers first, before any await: buffered signals run as soon as their handlers exist.
  const box: Box = {
    state: input.state ?? initialState(ref, defaultConfig(), Date.now()),
    changed: true,
    early: input.state === undefined ? [] : null,
  };
  registerHandlers(box);

  const { settings, saved } = await local.loadPublisher(ref);
  if (input.state === undefined) box.state = restore(box.state, saved);
  box.state = withConfig(box.state, mergeConfig(defaultConfig(settings.breaker), box.state.overrides));
  carryOutEarly(box);

  let remembered = { paused: saved.paused, halted: saved.halted, limits: saved.limits };
  for (;;) {
    if (mustContinue(settings)) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof publisher>({ publisher: ref, state: box.state });
    }
    box.changed = false;
    box.state = advance(box.state, Date.now());
    // Before anything acts on it: what an operator ended or set must survive a terminated workflow or a wiped Temporal.
    const operators = operatorsPart(box.state);
    if (JSON.stringify(operators) !== JSON.stringify(remembered)) {
      await local.savePublisher(ref, { why: null, until: null, ...operators });
      remembered = operators;
    }
    for (const command of box.state.replayRequests ?? []) {
      await local.requestReplay(ref, command);
      box.state = storedReplay(box.state, command);
    }
    const decision = decide(box.state, Date.now(), settings.maxGrant);
    setCurrentDetails(describeState(box.state, decision));
    if (decision.kind === 'drain') await drainOnce(box, ref, decision, settings);
    else await waitForChange(box, ref, decision, settings);
  }
}

interface Box {
  state: PublisherState;
  /** Set by every handler; ends a wait. */
  changed: boolean;
  /** Orders that came before the publisher's row was read; null from then on. */
  early: (() => void)[] | null;
}

function mustContinue(settings: PublisherSettings): boolean {
  const info = workflowInfo();
  return info.continueAsNewSuggested || info.historyLength >= settings.maxHistoryEvents;
}

async function drainOnce(
  box: Box,
  ref: PublisherInput['publisher'],
  decision: Extract<Decision, { kind: 'drain' }>,
  settings: PublisherSettings,
): Promise<void> {
  box.state = drainStarted(box.state, decision.probe);
  const { drain } = proxyActivities<PublisherActivities>({
    startToCloseTimeout: settings.drainMaxMs + DRAIN_MARGIN_MS,
    heartbeatTimeout: settings.heartbeatTimeoutMs,
    // The outcome is a value: Temporal retries only for a lost worker, and then at once.
    retry: { initialInterval: '100ms', backoffCoefficient: 2, maximumInterval: '10s' },
    cancellationType: 'TRY_CANCEL',
    summary: decision.probe ? 'probe' : `grant ${decision.events}`,
    priority: { fairnessKey: ref.tenant.slice(0, 64), fairnessWeight: box.state.config.weight },
  });
  const outcome = await drain({
    publisher: ref,
    grantId: `${workflowInfo().firstExecutionRunId}/${box.state.drain.grants}`,
    events: decision.events,
    maxMs: settings.drainMaxMs,
    lingerMs: decision.probe ? 0 : settings.lingerMs,
    lastWorker: box.state.drain.lastWorker,
    cautious: decision.probe || box.state.breaker.failures > 0,
    onPoison: box.state.config.onPoison,
    maxAttempts: box.state.config.maxAttempts,
  });
  box.state = drainEnded(box.state, outcome, decision, Date.now(), Math.random());
  reportFailure(ref, outcome);
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
  // A wait without end is a lease in the row, renewed by a timer: if this workflow is lost, the sweep finds the publisher.
  const waitMs = Math.min(decision.until === null ? LEASE_MS * 0.8 : decision.until - now, MAX_WAIT_MS);
  const until = decision.until ?? now + LEASE_MS;
  await local.savePublisher(ref, { why: decision.why, until, ...operatorsPart(box.state) });
  await condition(woken, Math.max(1, waitMs), { summary: decision.why });
}

/** What operators set or must know of, as the publisher's row remembers it. */
function operatorsPart(state: PublisherState): Pick<PublisherSave, 'paused' | 'halted' | 'limits'> {
  return { paused: state.paused, halted: state.halted, limits: state.overrides };
}

function reportFailure(ref: PublisherInput['publisher'], outcome: DrainOutcome): void {
  if (outcome.failure === null) return;
  log.warn('drain failed', { publisher: publisherId(ref), end: outcome.end, code: outcome.failure.code });
}
