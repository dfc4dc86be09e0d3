import { placeOf, shownOrigin } from './lineage';
import { ledgerHalt } from './ledger-halt';
import type { Fold, Judgement, SettleStep } from './fold';
import type { PlacedRecord } from './types';

/**
 * The next records of a ledger that an operator has chosen as it is now: whatever it names is published, gaps and other numbers are taken as
 * they are, and the last batch's number is where the relay goes on. A newer database halts here too: that is another choice.
 */
export function adoptNext(fold: Fold, records: readonly PlacedRecord[]): Judgement {
  const { own, known, settled: remembered } = fold.takeOver;
  const settle: SettleStep[] = [];
  let now = fold;
  for (const { offset, record } of records) {
    // What an adoption that was cut has settled already.
    if (now.done || offset <= now.settled.offset) continue;
    if (record.kind === 'batch') {
      const after = { offset, kind: 'batch', seq: record.seq, fence: record.fence } as const;
      now = { ...now, started: true, settled: after };
      settle.push({ batch: record, after });
      continue;
    }
    const place = placeOf(record, own, known, remembered);
    if (place === 'newer') {
      const kafka = `Kafka's ledger has at offset ${offset} a barrier of ${shownOrigin(record)}, which this database does not know`;
      return ledgerHalt('newer_database', `Postgres is ${shownOrigin(own)}`, kafka, record.generation);
    }
    now = {
      ...now,
      started: true,
      done: offset === own.offset && record.fence === own.fence && record.server === own.server,
      settled: { ...now.settled, offset, kind: 'barrier', fence: record.fence },
      relays: Math.max(now.relays, record.relays),
      claim: place === 'lost' ? Math.max(now.claim, record.generation + 1) : now.claim,
    };
  }
  return { kind: 'go', fold: now, settle };
}
