import { failpoint } from '../../failpoints/failpoint';
import type { RecordedBatch } from '../../postgres/batches';
import { settleBatch } from '../../postgres/settle';
import { batchMembers } from '../../postgres/replay-claims';
import { checkFence } from '../../postgres/publishers';
import { compareSides } from './compare';
import { observePublished, placed } from './placed';
import type { DrainDeps } from './context';
import type { Hold } from './hold';

/** What D0–D2 left: nothing, one batch that Kafka surely did not commit, or a contradiction that only people can solve. */
export type TakeOver =
  | { readonly kind: 'clean'; readonly fence: string; readonly published: number }
  | {
      readonly kind: 'resend';
      readonly fence: string;
      readonly batch: RecordedBatch;
      readonly published: number;
    }
  | { readonly kind: 'halted'; readonly explanation: string };

/**
 * D0–D2: compares both sides and settles what Kafka committed. Afterwards `hold.clean` names the fence that all writes
 * require. `isRefused`: the last batch of the drain itself was refused by the broker, so nobody asked for its commit.
 * Rejects with an OutboxError: FENCED when a newer drain raised the fence meanwhile, KAFKA_* or POSTGRES_* otherwise.
 */
export async function takeOverPublisher(
  deps: DrainDeps,
  hold: Hold,
  from: string | null,
  isRefused = false,
): Promise<TakeOver> {
  const { ref } = hold;
  const { row, unsettled, ledger, verdict, fromLog } = await compareSides(deps, hold, from, isRefused);
  if (verdict.kind === 'halt') {
    // The reads above are no snapshot: a newer drain may have written between them. Halting is for contradictions only.
    await checkFence(deps.pool, ref, row.fence);
    deps.observer.note(ref, 'row and ledger contradict each other', { reason: verdict.reason, ledger, unsettled, row });
    return {
      kind: 'halted',
      explanation: `${verdict.explanation}. Nothing is sent until an operator has compared both sides and decided.`,
    };
  }

  let published = 0;
  for (const { seq } of verdict.settle) {
    const batch = unsettled.find((candidate) => candidate.seq === seq);
    if (batch !== undefined) published += await settleCommitted(deps, hold, row.fence, batch, ledger);
  }
  const settled = verdict.settle.at(-1)?.seq ?? row.settled;
  hold.clean = { fence: row.fence, recorded: row.recorded, settled };
  if (fromLog) delete hold.believed;
  else hold.believed = ledger;
  const resend = unsettled.find((batch) => batch.seq === verdict.resend?.seq);
  const { fence } = row;
  return resend === undefined
    ? { kind: 'clean', fence, published }
    : { kind: 'resend', fence, batch: resend, published };
}

/**
 * Settles a batch that the ledger proves committed; places come from the ledger's metadata when they fitted there.
 * Answers how many events it settled (0 if another had done it).
 */
async function settleCommitted(
  deps: DrainDeps,
  hold: Hold,
  fence: string,
  batch: RecordedBatch,
  ledger: Awaited<ReturnType<Hold['session']['readLedger']>>,
): Promise<number> {
  const events = await batchMembers(deps.pool, hold.ref.tenant, batch);
  const outgoing = { batchId: batch.batchId, seq: batch.seq, events };
  const places =
    ledger !== null && ledger.seq === batch.seq ? await hold.session.locate(outgoing, ledger, hold.plainKey) : null;
  await failpoint('before_settle');
  const done = await settleBatch(deps.pool, {
    ref: hold.ref,
    fence,
    seq: batch.seq,
    batchId: batch.batchId,
    placements: places === null ? null : placed(events, places),
  });
  await failpoint('after_settle');
  deps.observer.note(hold.ref, 'settled a batch that an earlier drain had committed', {
    seq: batch.seq,
    events: batch.eventIds.length,
  });
  if (!done) return 0;
  observePublished(deps, hold, events);
  return events.length;
}
