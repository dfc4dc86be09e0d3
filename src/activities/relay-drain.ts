import { CompleteAsyncError, activityInfo } from '@temporalio/activity';
import type { DrainAddress, DrainEnd, DrainFailure, DrainOutcome, DrainRequest } from '../domain/drain';
import type { Relays } from '../relay/relays';
import { failureOf } from './drain/failures';

/**
 * The activity `drain` on a relay: attaches the publisher and answers asynchronously. Its address is in the publisher's row, and whoever
 * detaches the publisher completes it with the outcome, so it holds no slot and no heartbeat while it is attached.
 */
export function relayDrainActivity(relays: Relays, worker: string): (request: DrainRequest) => Promise<DrainOutcome> {
  return async function drain(request: DrainRequest): Promise<DrainOutcome> {
    // A grant of nothing settles what is in doubt: a relay does that before anything is attached to it.
    if (request.events === 0) return nothingDone('granted', null, worker);
    const address = ownAddress();
    try {
      const answer = await relays.attach(request.publisher, { request, address, attachedAt: Date.now() });
      if (answer.kind === 'stopped') return nothingDone('paused', null, worker);
    } catch (error) {
      // If the row says attached all the same, the relay goes on with it, and its outcome finds this activity gone.
      const failure = failureOf(error);
      return nothingDone(failure.code === 'SHUTTING_DOWN' ? 'stopping' : 'failed', failure, worker);
    }
    throw new CompleteAsyncError();
  };
}

function ownAddress(): DrainAddress {
  const { workflowExecution, activityId } = activityInfo();
  if (workflowExecution === undefined) throw new Error('a drain runs for a workflow only');
  return { workflowId: workflowExecution.workflowId, runId: workflowExecution.runId, activityId };
}

function nothingDone(end: DrainEnd, failure: DrainFailure | null, worker: string): DrainOutcome {
  const none = { recorded: 0, recordedBytes: 0, published: 0, parked: 0, batches: 0, blockedTopics: [] };
  return { ...none, end, failure: end === 'stopping' ? null : failure, worker };
}
