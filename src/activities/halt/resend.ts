import { randomUUID } from 'node:crypto';
import { dropUnsettled } from '../../postgres/adopt';
import type { HaltOutcome } from '../../domain/halt';
import type { Sides } from '../drain/compare';
import type { Hold } from '../drain/hold';
import type { HaltDeps } from './deps';

/**
 * Postgres is right. Its unsettled batches are forgotten, so that their events are claimed anew, and the ledger is set to the
 * last batch by a transaction without events. Postgres first: if this ends in between, both sides still contradict
 * each other and the publisher stays halted; the other way round a batch recorded before could look like one to send.
 *
 * Without any ledger the forgotten batches keep their numbers: had nothing ever been settled, a row of zeros would agree with no
 * ledger at once.
 */
export async function resend(deps: HaltDeps, hold: Hold, sides: Sides): Promise<HaltOutcome> {
  const { row, unsettled, settledBatchId, ledger } = sides;
  const seq = ledger === null ? row.recorded : row.settled;
  await dropUnsettled(deps.pool, { ref: hold.ref, fence: row.fence, seq });
  const batchId = (seq === row.settled ? settledBatchId : null) ?? randomUUID();
  await hold.session.publish({ batchId, seq, events: [] }, { deadlineMs: deps.publishDeadlineMs });
  const events = unsettled.reduce((sum, batch) => sum + batch.eventIds.length, 0);
  return {
    done: true,
    explanation: `the ledger says ${seq} now, as Postgres; ${events} events of unsettled batches will be sent again, and all else that is pending`,
  };
}
