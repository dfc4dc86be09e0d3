import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import type { DrainOutcome, DrainRequest } from '../../domain/drain';
import type { DrainDeps } from './context';
import { Heartbeats } from './heartbeats';
import { runDrain } from './run';

/** The activity `drain`. A process that freezes is replaced; the fences make it harmless if it thaws. */
export function drainActivity(deps: DrainDeps): (request: DrainRequest) => Promise<DrainOutcome> {
  return async function drain(request: DrainRequest): Promise<DrainOutcome> {
    const { attempt, heartbeatTimeoutMs } = activityInfo();
    const heartbeats = new Heartbeats(heartbeat, heartbeatTimeoutMs ?? Infinity);
    try {
      const call = { request, cancelled: cancellationSignal(), givenUp: () => heartbeats.missed };
      return await runDrain(deps, call, attempt === 1 && request.again !== true);
    } finally {
      heartbeats.stop();
    }
  };
}
