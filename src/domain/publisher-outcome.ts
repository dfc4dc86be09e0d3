import { PROBE_EVENTS, breakerFailed, breakerProbing, breakerSucceeded } from './breaker';
import type { DrainOutcome } from './drain';
import type { PublisherState } from './publisher-state';
import { spend } from './quota';
import { denied, keptUp, used, waited } from './quota-usage';
import { storableText } from './text';

/** First wait after a failure below the breaker's threshold; doubles with each, so that three of them span about 3.5 s. */
const RETRY_MS = 500;
/** While only some topics are blocked, the publisher looks at them again after this long. */
const BLOCKED_TOPIC_RETRY_MS = 2_000;
/** Longest pause between failed drains while the breaker is closed: an outage of Postgres is noticed as over within it. */
const MAX_RETRY_MS = 10_000;

/** A drain starts: the breaker's probe is on its way, the grant gets its number, the wake is consumed. */
export function drainStarted(state: PublisherState, probe: boolean, now: number): PublisherState {
  return {
    ...state,
    breaker: probe ? breakerProbing(state.breaker, now) : state.breaker,
    counters: { ...state.counters, drains: state.counters.drains + 1 },
    drain: { ...state.drain, grants: state.drain.grants + 1, woken: false, retryAt: null },
  };
}

/**
 * Reduces a drain's outcome into breaker, quota and counters. `random` in [0, 1) is the jitter. Whether more work is
 * pending is judged from how the drain ended: only `empty` says that nothing is.
 */
export function drainEnded(
  state: PublisherState,
  outcome: DrainOutcome,
  request: { readonly probe: boolean },
  now: number,
  random: number,
): PublisherState {
  const counters = {
    ...state.counters,
    batches: state.counters.batches + outcome.batches,
    published: state.counters.published + outcome.published,
    parked: state.counters.parked + outcome.parked,
    failures: state.counters.failures + (outcome.failure === null ? 0 : 1),
  };
  const { published, publishedBytes } = outcome;
  // The relay has refilled the bucket while the publisher was attached: it comes back as it is.
  const spent = outcome.quota ?? spend(state.quota, state.config.quota, published, publishedBytes);
  const quota = { ...spent, ...state.config.quota };
  const usage = waited(used(state.usage, now, published, publishedBytes), outcome.denials ?? 0);
  // Parking is progress: a backlog full of refused events must not be worked off at one every ten seconds.
  const progress = published > 0 || outcome.parked > 0;
  const failed = outcome.end === 'failed' && !progress ? state.drain.failed + 1 : 0;
  // An operator's pause of this publisher, or its breaker that one opened, as opposed to a pause of everything.
  const stoppedAlone = outcome.end === 'paused' && (state.paused !== null || state.breaker.manual);
  const allPaused = outcome.end === 'paused' && !stoppedAlone;
  const more = outcome.end !== 'empty' && !allPaused;
  return {
    ...state,
    counters,
    quota,
    usage: outcome.end === 'empty' ? keptUp(usage) : usage,
    breaker: reduceBreaker(state, outcome, request, now, random),
    drain: {
      ...state.drain,
      lastWorker: outcome.worker,
      woken: state.drain.woken || more,
      failed,
      retryAt: retryAt(outcome, failed, now, random),
      lastFailure:
        outcome.failure === null
          ? state.drain.lastFailure
          : { code: outcome.failure.code, message: outcome.failure.message.slice(0, 500), at: now },
      blockedTopics: outcome.blockedTopics.slice(0, 20),
      publishedAt: isQuiet(outcome) ? null : published > 0 ? now - (outcome.quietMs ?? 0) : state.drain.publishedAt,
      allPaused,
    },
  };
}

/** The publisher waits: a wait for tokens counts as a denial. */
export function waitStarted(state: PublisherState, wait: { readonly quota?: true }, now: number): PublisherState {
  return wait.quota === true ? { ...state, usage: denied(state.usage, now) } : state;
}

/** While a topic refuses events, an event that reached another one so recently says that the destination is well. */
export const FLOWS_MS = 30_000;

/** A drain that has failed, and published its last event too long ago for that to say anything. */
function isQuiet({ failure, quietMs }: DrainOutcome): boolean {
  return failure !== null && (quietMs ?? 0) >= FLOWS_MS;
}

/** A topic that refuses events is no failure of the destination while the publisher's other topics take theirs. */
function othersFlow(state: PublisherState, outcome: DrainOutcome, now: number): boolean {
  const { publishedAt } = state.drain;
  if (outcome.blockedTopics.length === 0 || publishedAt === null) return false;
  return now - publishedAt < Math.min(FLOWS_MS, state.config.breaker.resetMs);
}

/**
 * A failure counts only when nothing else of the publisher succeeded, lately if it is a topic's: one dead topic must not stop the
 * others, also when those have an event every few seconds only.
 */
function reduceBreaker(
  state: PublisherState,
  outcome: DrainOutcome,
  request: { readonly probe: boolean },
  now: number,
  random: number,
): PublisherState['breaker'] {
  if (outcome.published > 0 && !isQuiet(outcome)) return breakerSucceeded(state.breaker, now);
  if (outcome.failure !== null && outcome.failure.breaker) {
    if (state.breaker.state === 'closed' && !isQuiet(outcome) && othersFlow(state, outcome, now)) return state.breaker;
    return breakerFailed(
      state.breaker,
      state.config.breaker,
      now,
      storableText(`${outcome.failure.code}: ${outcome.failure.message}`, 500),
      random,
    );
  }
  // A probe that found nothing to send, or only events to park, has reached the destination without a failure.
  const probed =
    request.probe && (outcome.end === 'empty' || outcome.end === 'granted' || outcome.parked >= PROBE_EVENTS);
  return probed ? breakerSucceeded(state.breaker, now) : state.breaker;
}

function retryAt(outcome: DrainOutcome, failed: number, now: number, random: number): number | null {
  if (outcome.end !== 'failed') return null;
  // Also when nothing was published: the events of its other topics wait as long.
  if (outcome.blockedTopics.length > 0) return now + BLOCKED_TOPIC_RETRY_MS;
  return now + Math.round(Math.min(RETRY_MS * 2 ** Math.min(failed, 6), MAX_RETRY_MS) * (0.8 + 0.4 * random));
}
