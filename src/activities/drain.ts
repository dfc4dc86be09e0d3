import { CompleteAsyncError, activityInfo } from '@temporalio/activity';
import type { DrainAddress, DrainEnd, DrainFailure, DrainOutcome, DrainRequest } from '../domain/drain';
import { ERROR_CODES, OutboxError, errorMessage, isOutboxError } from '../domain/errors';
import type { Relays } from '../relay/relays';

/**
 * The activity `drain`: attaches the publisher to a relay of this worker and answers asynchronously. Its address is in the publisher's row, and whoever
 * detaches the publisher completes it with the outcome, so it holds no slot and no heartbeat while it is attached.
 */
export function drainActivity(relays: Relays, worker: string): (request: DrainRequest) => Promise<DrainOutcome> {
  return async function drain(request: DrainRequest): Promise<DrainOutcome> {
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
  const none = { published: 0, publishedBytes: 0, parked: 0, batches: 0, blockedTopics: [] };
  return { ...none, end, failure: end === 'stopping' ? null : failure, worker };
}

/** What the workflow is told of an error; unknown ones are INTERNAL. */
function failureOf(error: unknown): DrainFailure {
  const known = isOutboxError(error) ? error : new OutboxError('INTERNAL', errorMessage(error), { cause: error });
  const { code, message } = known;
  return { code, message, breaker: ERROR_CODES[code].breaker };
}
