import { randomUUID } from 'node:crypto';
import { dropUnsettled } from '../../postgres/adopt';
import type { HaltOutcome } from '../../domain/halt';
import type { Sides } from '../drain/compare';
import type { Hold } from '../drain/hold';
import type { HaltDeps } from './deps';

/**
 * Postgres is right. Its unsettled batches are forgotten, so that their events are claimed anew, and the ledger is set to the
 * last settled batch by a transaction without events. Postgres first: if this ends in between, both sides still contradict
 * each other and the publisher stays halted; the other way round a batch recorded before could look like one to send.
 */
export async function resend(deps: HaltDeps, hold: Hold, sides: Sides): Promise<HaltOutcome> {
  const { row, unsettled, settledBatchId } = sides;
  await dropUnsettled(deps.pool, { ref: hold.ref, fence: row.fence });
  const batchId = settledBatchId ?? randomUUID();
  await hold.session.publish({ batchId, seq: row.settled, events: [] }, { deadlineMs: deps.publishDeadlineMs });
  const events = unsettled.reduce((sum, batch) => sum + batch.eventIds.length, 0);
  return {
    done: true,
    explanation: `the ledger says ${row.settled} now, as Postgres; ${events} events of unsettled batches will be sent again, and all else that is pending`,
  };
}
