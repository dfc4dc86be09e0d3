import fc from 'fast-check';
import { reconcile } from '../../../src/domain/settlement';
import type { Ledger, PublisherRow, UnsettledBatch } from '../../../src/domain/settlement';

const RETENTION = 7 * 24 * 3_600_000;
const NOW = 1_800_000_000_000;

function row(settled: number, recorded: number, settledAt: number | null = NOW - 1_000): PublisherRow {
  return {
    recorded,
    settled,
    settledAt: settled === 0 ? null : settledAt,
    settledBatchId: settled === 0 ? null : `b${settled}`,
  };
}

function batches(settled: number, recorded: number, recordedAt = NOW - 500): UnsettledBatch[] {
  return Array.from({ length: recorded - settled }, (_, i) => ({
    seq: settled + 1 + i,
    batchId: `b${settled + 1 + i}`,
    recordedAt,
  }));
}

const ledger = (seq: number, batchId = `b${seq}`): Ledger => ({ seq, batchId });

describe('what D1 and D2 conclude from row and ledger', () => {
  it('settles exactly the batches up to the ledger and sends the one beyond it again', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 50 }),
        fc.integer({ min: 0, max: 2 }),
        fc.integer({ min: 0, max: 2 }),
        (settled, open, committed) => {
          const recorded = settled + open;
          const seq = Math.min(settled + committed, recorded);
          if (seq === 0) return;
          const verdict = reconcile(row(settled, recorded), batches(settled, recorded), ledger(seq), RETENTION, NOW);
          expect(verdict.kind).toBe('proceed');
          if (verdict.kind !== 'proceed') return;
          expect(verdict.settle.map((batch) => batch.seq)).toEqual(
            Array.from({ length: seq - settled }, (_, i) => settled + 1 + i),
          );
          expect(verdict.resend?.seq ?? null).toBe(seq < recorded ? seq + 1 : null);
        },
      ),
    );
  });

  it('halts when Kafka knows less than what is settled, or more than what is recorded', () => {
    expect(reconcile(row(5, 5), [], ledger(4), RETENTION, NOW)).toMatchObject({
      kind: 'halt',
      reason: 'ledger_behind',
    });
    expect(reconcile(row(5, 5), [], ledger(6), RETENTION, NOW)).toMatchObject({ kind: 'halt', reason: 'ledger_ahead' });
  });

  it('halts when the ledger names another batch of the same number', () => {
    expect(reconcile(row(5, 5), [], ledger(5, 'other'), RETENTION, NOW)).toMatchObject({
      kind: 'halt',
      reason: 'ledger_foreign',
    });
    expect(reconcile(row(5, 6), batches(5, 6), ledger(6, 'other'), RETENTION, NOW)).toMatchObject({
      kind: 'halt',
      reason: 'ledger_foreign',
    });
  });

  it('accepts a settled batch whose row retention has purged', () => {
    const purged = { ...row(5, 5), settledBatchId: null };
    expect(reconcile(purged, [], ledger(5), RETENTION, NOW)).toMatchObject({ kind: 'proceed', resend: null });
  });

  it('takes a missing ledger as "not committed" only while it could not have expired', () => {
    expect(reconcile(row(0, 1), batches(0, 1), null, RETENTION, NOW)).toMatchObject({
      kind: 'proceed',
      resend: { seq: 1 },
    });
    expect(reconcile(row(0, 1), batches(0, 1, NOW - RETENTION), null, RETENTION, NOW)).toMatchObject({ kind: 'halt' });
    expect(reconcile(row(3, 3), [], null, RETENTION, NOW)).toMatchObject({ kind: 'halt', reason: 'ledger_missing' });
    expect(reconcile(row(3, 3, NOW - RETENTION), [], null, RETENTION, NOW)).toMatchObject({ kind: 'proceed' });
    expect(reconcile(row(3, 4, NOW - RETENTION), batches(3, 4), null, RETENTION, NOW)).toMatchObject({
      kind: 'proceed',
      resend: { seq: 4 },
    });
  });

  it('never guesses over rows that contradict themselves', () => {
    expect(reconcile(row(3, 5), batches(3, 4), ledger(3), RETENTION, NOW)).toMatchObject({
      reason: 'rows_inconsistent',
    });
    expect(reconcile(row(6, 5), [], ledger(5), RETENTION, NOW)).toMatchObject({ reason: 'rows_inconsistent' });
    const shifted = batches(4, 5);
    expect(reconcile(row(3, 4), shifted, ledger(3), RETENTION, NOW)).toMatchObject({ reason: 'rows_inconsistent' });
  });
});
