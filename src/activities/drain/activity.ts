import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import type { DrainOutcome, DrainRequest } from '../../domain/drain';
import type { DrainDeps } from './context';
import { runDrain } from './run';

/** The worker's options throttle heartbeats to one in 2 s; this only has to be clearly shorter. */
const HEARTBEAT_MS = 500;

/**
 * The activity `drain`. Heartbeats from a timer, so that a frozen or blocked process is noticed and another worker takes
 * over; the fences make it harmless if the old one thaws.
 */
export function drainActivity(deps: DrainDeps): (request: DrainRequest) => Promise<DrainOutcome> {
  return async function drain(request: DrainRequest): Promise<DrainOutcome> {
    const beat = setInterval(() => heartbeat(), HEARTBEAT_MS);
    try {
      const firstAttempt = activityInfo().attempt === 1 && request.again !== true;
      return await runDrain(deps, { request, cancelled: cancellationSignal() }, firstAttempt);
    } finally {
      clearInterval(beat);
    }
  };
}
