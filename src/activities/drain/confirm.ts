import { checkFence } from '../../postgres/publishers';
import type { DrainDeps } from './context';
import type { Hold } from './hold';

/**
 * Before a batch is recorded anew, which makes the ledger's word about it final: the take-over may have read a half-loaded ledger (see
 * docs/decisions/0012), and a batch that Kafka has would get another id, and the publisher halt for it. Once per take-over; otherwise
 * the first publish confirms. Rejects with LEDGER_STALE, FENCED or KAFKA_*.
 */
export async function confirmBelieved(deps: DrainDeps, hold: Hold, fence: string): Promise<void> {
  const { believed } = hold;
  if (believed === undefined) return;
  await hold.session.confirmLedger(believed, { deadlineMs: deps.publishDeadlineMs });
  await renewSession(deps, hold, fence);
  delete hold.believed;
}

/**
 * After a transaction that only looked: it stays open until a newer epoch aborts it. Answers the database's time (ms since epoch).
 * Rejects with FENCED or KAFKA_*.
 */
export async function renewSession(
  deps: Pick<DrainDeps, 'pool' | 'sink'>,
  hold: Hold,
  fence: string,
): Promise<{ readonly now: number }> {
  await hold.session.discard();
  hold.session = deps.sink.open(hold.ref);
  await hold.session.takeOver();
  // As after D0: the older of two racing drains may own the newer epoch.
  return checkFence(deps.pool, hold.ref, fence);
}
