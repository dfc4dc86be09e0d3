import { adoptLedger, adoptPublished, knownPlaces, unpublishedTopics } from '../../postgres/adopt';
import type { HaltOutcome } from '../../domain/halt';
import type { Sides } from '../drain/compare';
import type { Hold } from '../drain/hold';
import type { HaltDeps } from './deps';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Kafka is right. What its topics hold of this publisher counts as published, whatever Postgres says of it, and the row follows
 * the ledger. Read from the messages and not from the ledger alone: a database restored from yesterday has lost all batches
 * since, and the ledger names only the last.
 */
export async function adopt(deps: HaltDeps, hold: Hold, sides: Sides): Promise<HaltOutcome> {
  const { row, ledger } = sides;
  const refused = (explanation: string): HaltOutcome => ({ done: false, explanation });
  if (ledger === null) {
    return refused('Kafka has no ledger that could be adopted. Choose resend; unsettled batches may then be doubled.');
  }
  if (!UUID.test(ledger.batchId)) {
    return refused("The ledger's metadata names no batch: something else wrote it. Choose resend.");
  }
  if (ledger.seq < row.settled) {
    return refused(
      `Kafka's ledger (${ledger.seq}) is behind what Postgres has settled (${row.settled}): Kafka has lost data or is another one. ` +
        'Bring the right Kafka back and recheck, or choose resend, and replay what Kafka has lost.',
    );
  }

  const held = { ref: hold.ref, fence: row.fence };
  const ofLedger: string[] = [];
  let adopted = 0;
  const open = await unpublishedTopics(deps.pool, hold.ref);
  const gone =
    open === null
      ? null
      : await deps.sink.findMessages(hold.ref, {
          ...open,
          known: await knownPlaces(deps.pool, hold.ref, open.topics),
          found: async (messages) => {
            for (const { batchId, eventId, replayId } of messages) {
              if (batchId === ledger.batchId && replayId === null) ofLedger.push(eventId);
            }
            adopted += await adoptPublished(deps.pool, { ...held, found: messages });
          },
        });
  if (gone !== null) return refused(gone);
  await adoptLedger(deps.pool, { ...held, seq: ledger.seq, batchId: ledger.batchId, eventIds: ofLedger });
  return {
    done: true,
    explanation: `batch ${ledger.seq} (${ledger.batchId}) is the last one on both sides; ${adopted} that Kafka holds (events and copies) are published now`,
  };
}
