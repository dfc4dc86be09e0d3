import { setTimeout as delay } from 'node:timers/promises';
import { reconcile } from '../../domain/settlement';
import type { Settlement } from '../../domain/settlement';
import { failpoint } from '../../failpoints/failpoint';
import { blockedCodes } from '../../postgres/blocked';
import { unsettledBatches } from '../../postgres/batches';
import type { RecordedBatch } from '../../postgres/batches';
import { readBatch } from '../../postgres/publisher-save';
import { checkFence, takeOver } from '../../postgres/publishers';
import type { PublisherRecord } from '../../postgres/publishers';
import type { LedgerEntry } from '../../sinks/sink';
import { renewSession } from './confirm';
import type { DrainDeps } from './context';
import type { Hold } from './hold';

type CompareDeps = Pick<DrainDeps, 'pool' | 'sink' | 'worker' | 'observer'>;

/** What Postgres and Kafka each say of a publisher, read under a fence and an epoch of one's own. */
export interface Sides {
  readonly row: PublisherRecord;
  readonly unsettled: readonly RecordedBatch[];
  /** Id of the last settled batch; null if its row is gone by retention. */
  readonly settledBatchId: string | null;
  readonly ledger: LedgerEntry | null;
  readonly verdict: Settlement;
  /** True if the log knows better than the coordinator, whose word may stay wrong until the next commit: then it is not confirmed. */
  readonly fromLog: boolean;
}

/**
 * D0 and D1. Raises the fence in Postgres, then fences the older producers in Kafka, then reads the ledger: in this order,
 * for a ledger read before the fence could still change. `from` is the fence that this drain held before a doubt; null at
 * its start, when it may take over from anybody.
 */
export async function compareSides(
  deps: CompareDeps,
  hold: Hold,
  from: string | null,
  isRefused = false,
): Promise<Sides> {
  const { ref } = hold;
  hold.clean = null;
  await failpoint('before_fence');
  const row = await takeOver(deps.pool, ref, deps.worker, from);
  hold.blocked = blockedCodes(row);
  await failpoint('after_fence');

  // One doubt = one new epoch: the old producer is thrown away, never aborted and reused.
  await hold.session.discard();
  hold.session = deps.sink.open(ref);
  await hold.session.takeOver();
  await failpoint('after_init_producer');

  // Without this check the older of two racing drains could own the newer epoch, and both would send.
  await checkFence(deps.pool, ref, row.fence);
  const ledger = await hold.session.readLedger();
  await failpoint('after_ledger_read');
  // The clock that judges the ledger's age is read after it: a drain frozen in between for longer than the broker keeps
  // offsets would find an expired ledger, think it young, and send a committed batch again.
  const { now } = await checkFence(deps.pool, ref, row.fence);
  const first = await verdictOn(deps, hold, row, ledger, now);
  if (!isDoubtful(first, isRefused)) return first;
  return (await lookInLog(deps, hold, first, now)) ?? (isHalt(first) ? lookAgain(deps, hold, row, first) : first);
}

/**
 * True of a ledger that would have a batch sent again, or halt the publisher: its coordinator may have loaded half of it (see
 * docs/decisions/0012), or may not have seen that an operator had set it back. Not of the last batch, if the broker has just refused it.
 */
function isDoubtful({ verdict, row }: Sides, isRefused: boolean): boolean {
  if (verdict.kind === 'halt') return verdict.reason !== 'rows_inconsistent';
  return verdict.resend !== null && !(isRefused && verdict.resend.seq === row.recorded);
}

function isHalt({ verdict }: Sides): boolean {
  return verdict.kind === 'halt';
}

/** Asks the log itself, which knows of every commit. Null if it cannot be read. */
async function lookInLog(deps: CompareDeps, hold: Hold, first: Sides, now: number): Promise<Sides | null> {
  const { row, ledger: told, verdict } = first;
  // Before a halt the whole log: what is missing from a part of it may be older, or bear the time of a broker whose clock is wrong.
  const ageMs = verdict.kind === 'halt' ? Infinity : now - (verdict.resend?.recordedAt ?? 0);
  const logged = await hold.session.ledgerInLog(told, ageMs);
  await failpoint('after_ledger_log');
  const again = await renewSession(deps, hold, row.fence);
  if (logged.kind === 'unreadable') {
    deps.observer.note(hold.ref, 'the log of the ledger cannot be read', { reason: logged.reason });
    return null;
  }
  const { entry } = logged;
  const differs = entry !== null && (entry.seq !== told?.seq || entry.batchId !== told.batchId);
  if (!differs) return { ...(await verdictOn(deps, hold, row, told, again.now)), fromLog: false };
  // Its last entry is what holds, also when it is the lower one: an operator may have set it back.
  deps.observer.note(hold.ref, 'the coordinator had not loaded the ledger to its end', { told, entry });
  return { ...(await verdictOn(deps, hold, row, entry, again.now)), fromLog: true };
}

/** Waits before further looks where the log cannot be read, ms: a halt, which only people end, must not come of a moment. */
const LOOKS_MS = [200, 600, 1_200];

async function lookAgain(deps: CompareDeps, hold: Hold, row: PublisherRecord, first: Sides): Promise<Sides> {
  let sides = first;
  for (const waitMs of LOOKS_MS) {
    await delay(waitMs);
    const ledger = await hold.session.readLedger();
    const { now } = await checkFence(deps.pool, hold.ref, row.fence);
    sides = await verdictOn(deps, hold, row, ledger, now);
    if (!isHalt(sides)) break;
  }
  return sides;
}

async function verdictOn(
  deps: CompareDeps,
  { ref }: Hold,
  row: PublisherRecord,
  ledger: LedgerEntry | null,
  now: number,
): Promise<Sides> {
  const unsettled = await unsettledBatches(deps.pool, ref);
  const last = await readBatch(deps.pool, ref, row.settled);
  const settledBatchId = last?.batchId ?? null;
  const verdict = reconcile(
    { ...row, settledBatchId, settledAt: last?.recordedAt ?? row.settledAt },
    unsettled,
    ledger,
    await deps.sink.ledgerRetentionMs(),
    now,
  );
  return {
    row,
    unsettled,
    settledBatchId,
    ledger,
    verdict,
    fromLog: false,
  };
}
