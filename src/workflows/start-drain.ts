import { ActivityFailure, TimeoutFailure, log, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { DrainOutcome, DrainRequest } from '../domain/drain';
import { publisherId } from '../domain/publisher';
import type { PublisherRef } from '../domain/publisher';
import type { PublisherActivities, PublisherSettings } from '../domain/publisher-settings';
import type { Decision } from '../domain/publisher-decision';
import type { Box } from './publisher-box';
import { relayDrain } from './relay-drain';

/** One attempt of a drain may linger and send for `drainMaxMs`; beyond this margin it is stuck and another takes over. */
const DRAIN_MARGIN_MS = 120_000;
/**
 * A drain that keeps up with its events may last so many times as long. Each new drain is a gap of 0.1 to 0.4 s for its publisher: with one
 * every 16 s, of 50 tenants with an event a second one event in a hundred met it. What ends a drain sooner is a backlog, which the
 * workflow is to show, and an order of an operator (`untilOrdered`).
 */
const KEPT_UP = 6;

/** Hands the grant of `decision` to a drain, and resolves with what came of it. Rejects only if the workflow is cancelled. */
export function startDrain(
  box: Box,
  ref: PublisherRef,
  decision: Extract<Decision, { kind: 'drain' }>,
  settings: PublisherSettings,
  more: Pick<DrainRequest, 'again'> = {},
): Promise<DrainOutcome> {
  const { state } = box;
  const cautious = decision.probe || state.breaker.failures > 0;
  const { drain } = proxyActivities<PublisherActivities>({
    // A dead destination makes each of its drains wait for time-outs: those wait in a queue with few slots of its own.
    ...(cautious && settings.suspectTaskQueue !== undefined ? { taskQueue: settings.suspectTaskQueue } : {}),
    startToCloseTimeout: settings.drainMaxMs * KEPT_UP + DRAIN_MARGIN_MS,
    heartbeatTimeout: settings.heartbeatTimeoutMs,
    ...(settings.drainStartTimeoutMs !== undefined && { scheduleToStartTimeout: settings.drainStartTimeoutMs }),
    // The outcome is a value: Temporal retries only for a lost worker, and then at once.
    retry: { initialInterval: '100ms', backoffCoefficient: 2, maximumInterval: '10s' },
    // Its outcome counts also when it was told to end.
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    summary: decision.probe ? 'probe' : `grant ${decision.events}`,
    // Each tenant's turn counts the same; its weight is in how long the turn may be.
    priority: { fairnessKey: ref.tenant.slice(0, 64) },
  });
  const { plainKey = [], quota: limits } = state.config;
  const limited = limits.ratePerSecond !== null || (limits.bytesPerSecond ?? null) !== null;
  const request: DrainRequest = {
    publisher: ref,
    // Not the first run of the chain: a reset workflow counts its grants anew, and would find an old one's batches under its own.
    grantId: `${workflowInfo().runId}/${state.drain.grants}`,
    events: decision.events,
    bytes: decision.bytes,
    maxMs: settings.drainMaxMs,
    // A quota is paid between drains, and replays that take long to store are tried then.
    ...(!limited && (state.replayRequests ?? []).length === 0 && { keptUpMaxMs: settings.drainMaxMs * KEPT_UP }),
    lingerMs: cautious ? 0 : settings.lingerMs,
    lastWorker: state.drain.lastWorker,
    cautious,
    weight: state.config.weight,
    onPoison: state.config.onPoison,
    maxAttempts: state.config.maxAttempts,
    limited,
    ...(plainKey.length > 0 ? { plainKey } : {}),
    ...more,
  };
  if (settings.engine !== 'relays') return untilStarted(drain, request);
  return relayDrain(box, ref, {
    ...request,
    ...(limited && { quota: state.quota }),
    ...(decision.probe && { probe: true }),
  });
}

/**
 * Runs the drain, and schedules it anew if no worker started it in time: Temporal may lose a task of its queues, and without this
 * the publisher would wait for it for ever, with wakes arriving and no timer of its own.
 */
async function untilStarted(drain: PublisherActivities['drain'], request: DrainRequest): Promise<DrainOutcome> {
  try {
    return await drain(request);
  } catch (error) {
    const timeout = error instanceof ActivityFailure ? error.cause : undefined;
    if (!(timeout instanceof TimeoutFailure) || timeout.timeoutType !== 'SCHEDULE_TO_START') throw error;
    log.warn('no worker started the drain in time: it is scheduled anew', {
      publisher: publisherId(request.publisher),
    });
    return untilStarted(drain, { ...request, again: true });
  }
}
