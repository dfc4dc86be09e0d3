import {
  ActivityFailure,
  CancellationScope,
  condition,
  isCancellation,
  log,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type { DrainOutcome, DrainRequest } from '../domain/drain';
import { publisherId } from '../domain/publisher';
import type { PublisherRef } from '../domain/publisher';
import type { Decision } from '../domain/publisher-decision';
import type { PublisherActivities } from '../domain/publisher-settings';
import { local } from './publisher-box';
import type { Box } from './publisher-box';

/** A drain ends by 25 minutes; whoever detaches answers it. */
const DRAIN_MS = 30 * 60_000;
/**
 * Wakes are sent only while the row says that nobody is attached. One that comes so long (ms) after a drain was asked for means that the drain
 * is lost: its worker died before it had attached.
 */
const LOST_AFTER_MS = 20_000;

/**
 * Asks for a drain and waits for its outcome, which may come from any worker. One that was lost is given up: an activity without heartbeats
 * would be waited for until its time-out. What a lost answer published is in the row's totals, which the next drain begins with. Rejects
 * only if the workflow is cancelled.
 */
export async function startDrain(
  box: Box,
  ref: PublisherRef,
  decision: Extract<Decision, { kind: 'drain' }>,
): Promise<DrainOutcome> {
  const { workflowId, runId } = workflowInfo();
  const activityId = `drain ${box.state.drain.grants}`;
  const { drain } = proxyActivities<Pick<PublisherActivities, 'drain'>>({
    activityId,
    startToCloseTimeout: DRAIN_MS,
    // A second attempt would run beside the drain that the first one attached.
    retry: { maximumAttempts: 1 },
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    summary: decision.probe ? 'probe' : 'attached',
  });
  const began = Date.now();
  let outcome: DrainOutcome | null = null;
  let failed: { readonly error: unknown } | null = null;
  const answered = drain(requestOf(box, ref, decision)).then(
    (answer) => {
      outcome = answer;
    },
    (error: unknown) => {
      failed = { error };
    },
  );
  for (;;) {
    const wakes = box.state.counters.wakes;
    await Promise.race([
      answered,
      condition(() => outcome !== null || failed !== null || box.state.counters.wakes > wakes),
    ]);
    if (outcome !== null) return outcome;
    if (failed !== null) return unanswered(ref, (failed as { readonly error: unknown }).error);
    if (Date.now() - began < LOST_AFTER_MS) continue;
    if (await local.isAttached(ref, { workflowId, runId, activityId })) continue;
    if (outcome !== null) return outcome;
    log.warn('the drain was lost with its worker, and is asked for anew', { publisher: publisherId(ref) });
    return nothingKnown();
  }
}

function requestOf({ state }: Box, ref: PublisherRef, decision: Extract<Decision, { kind: 'drain' }>): DrainRequest {
  const { plainKey, quota, weight, onPoison, maxAttempts } = state.config;
  const limited = quota.ratePerSecond !== null || (quota.bytesPerSecond ?? null) !== null;
  return {
    publisher: ref,
    events: decision.events,
    ...(decision.probe && { probe: true }),
    ...(limited && { quota: state.quota }),
    weight,
    onPoison,
    maxAttempts,
    ...(plainKey.length > 0 && { plainKey }),
  };
}

/** Its time-out, or a worker that is gone: the row knows what was published, and the next drain goes on. */
function unanswered(ref: PublisherRef, error: unknown): DrainOutcome {
  const cancelled = isCancellation(error) && CancellationScope.current().consideredCancelled;
  if (cancelled || !(error instanceof ActivityFailure || isCancellation(error))) throw error;
  log.warn('no answer from a drain', { publisher: publisherId(ref), error: String(error) });
  return nothingKnown();
}

function nothingKnown(): DrainOutcome {
  const nothing = { published: 0, publishedBytes: 0, parked: 0, batches: 0, failure: null, blockedTopics: [] };
  return { ...nothing, end: 'time', worker: '' };
}
