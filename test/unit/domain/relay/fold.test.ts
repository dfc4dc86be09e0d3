import fc from 'fast-check';
import type { LedgerHaltReason } from '../../../../src/domain/relay/ledger-halt';
import type { Barrier, Batch, PlacedRecord, Settled } from '../../../../src/domain/relay/types';
import { NOTHING, log, originOf, read, settledAt } from './ledger-log';
import type { Log, Read } from './ledger-log';

const RUNS = { numRuns: 200 };
const size = fc.integer({ min: 1, max: 20 });
const at = fc.nat(1_000);

/** Postgres remembers the record at `index`, -1 nothing; Kafka has `records`. */
function takeOver(known: Log, index: number, chunk: number, records = known.records, logStart = 0): Read {
  const settled = settledAt(known.records, index);
  return read({ settled, known: known.known, own: known.own, logStart }, records.slice(Math.max(0, index)), chunk);
}

/** Indices of batches, or of barriers, behind `index`; the own barrier is none of them. */
function behind(records: readonly PlacedRecord[], index: number, kind: 'batch' | 'barrier'): number[] {
  return records.flatMap(({ record }, i) => (i > index && i < records.length - 1 && record.kind === kind ? [i] : []));
}

function some(indices: readonly number[], n: number): number {
  fc.pre(indices.length > 0);
  return indices[n % indices.length] as number;
}

function replaced(records: readonly PlacedRecord[], index: number, part: object): PlacedRecord[] {
  return records.map((placed, i) =>
    i === index ? { ...placed, record: { ...placed.record, ...part } as PlacedRecord['record'] } : placed,
  );
}

function expectHalt({ halt }: Read, ...reasons: LedgerHaltReason[]): void {
  expect(reasons).toContain(halt?.reason);
  expect(halt?.text).toMatch(/Postgres .*Kafka.*\. [A-Z].*outboxctl halted show` names the ways out\.$/);
}

/** For any log, with L anywhere before the own barrier (-1 = nothing remembered), a size of chunks and a number to choose with. */
function everywhere(check: (known: Log, index: number, chunk: number, n: number) => void): void {
  const property = fc.property(log, size, at, at, (known, chunk, l, n) => {
    check(known, (l % known.records.length) - 1, chunk, n);
  });
  fc.assert(property, RUNS);
}

describe('what a take-over concludes from the ledger', () => {
  it('settles exactly the batches behind L, in order, and ends at its own barrier, however it is chunked', () => {
    everywhere((known, index, chunk) => {
      const { halt, steps, settled, relays } = takeOver(known, index, chunk);
      expect(halt).toBeNull();
      const batches = behind(known.records, index, 'batch');
      expect(steps.map(({ batch }) => batch)).toEqual(batches.map((i) => known.records[i]?.record));
      expect(steps.map(({ after }) => after)).toEqual(batches.map((i) => settledAt(known.records, i)));
      expect(settled).toEqual(settledAt(known.records, known.records.length - 1));
      const named = known.records
        .slice(Math.max(0, index))
        .map(({ record }) => (record.kind === 'barrier' ? record.relays : 0));
      expect(relays).toBe(Math.max(...named));
    });
  });

  it('goes on after each chunk as a take-over does that begins there', () => {
    everywhere((known, index, chunk, n) => {
      const whole = takeOver(known, index, chunk);
      const later = index + 1 + (n % Math.max(1, known.records.length - index - 2));
      fc.pre(later < known.records.length - 1);
      const rest = takeOver(known, later, chunk);
      expect(rest).toMatchObject({ halt: null, settled: whole.settled });
      expect(rest.steps).toEqual(
        whole.steps.filter(({ after }) => after.offset > settledAt(known.records, later).offset),
      );
    });
  });

  it('halts if the record at L is another one, or gone', () => {
    everywhere((known, index, chunk, n) => {
      fc.pre(index >= 0);
      const { record } = known.records[index] as PlacedRecord;
      const parts = [
        { fence: record.fence + 1 },
        record.kind === 'batch' ? { seq: record.seq + 1 } : { kind: 'batch', seq: settledAt(known.records, index).seq },
        { ...originOf(known.own.server), kind: record.kind === 'batch' ? 'barrier' : 'batch', relays: 1 },
      ];
      const part = parts[n % parts.length] as object;
      expectHalt(takeOver(known, index, chunk, replaced(known.records, index, part)), 'record_changed');
      const moved = known.records.map((placed, i) => (i === index ? { ...placed, offset: placed.offset + 1 } : placed));
      expectHalt(takeOver(known, index, chunk, moved), 'record_changed');
      const gone = known.records.filter((_, i) => i !== index);
      expectHalt(takeOver(known, index, chunk, gone), 'record_changed');
    });
  });

  it('halts if a batch is missing, or is there again', () => {
    everywhere((known, index, chunk, n) => {
      const batches = behind(known.records, index, 'batch');
      const one = some(batches, n);
      const reason = settledAt(known.records, one).seq === 1 ? 'history_incomplete' : 'seq_gap';
      if (one !== batches.at(-1)) {
        const missing = known.records.filter((_, i) => i !== one);
        expectHalt(takeOver(known, index, chunk, missing), index < 0 ? reason : 'seq_gap');
      }
      const { offset, record } = known.records[one] as PlacedRecord;
      const again = known.records.toSpliced(one + 1, 0, { offset: offset + 1, record });
      expectHalt(takeOver(known, index, chunk, again), 'seq_gap');
    });
  });

  it('halts if a server wrote there that this database does not know', () => {
    everywhere((known, index, chunk, n) => {
      const barrier = some(behind(known.records, index, 'barrier'), n);
      const newer = replaced(known.records, barrier, { server: 'server-of-another' });
      expectHalt(takeOver(known, index, chunk, newer), 'newer_database');
    });
  });

  it('goes on behind a server that this database replaces, and says so where it is an older copy itself', () => {
    everywhere((known, index, chunk, n) => {
      const barrier = some(behind(known.records, index, 'barrier'), n);
      const of = (part: object): Read =>
        takeOver(known, index, chunk, replaced(known.records, barrier, { server: 'forgotten', ...part }));
      const older = of({ timeline: known.own.timeline - 1 });
      expect([older.halt, older.claim]).toEqual([null, 0]);
      const from = known.records[barrier]?.offset ?? 0;
      const lost = of({ wal: known.own.wal + 1, from });
      expect([lost.halt, lost.claim]).toEqual([null, known.own.generation + 1]);
      expect(lost.settled).toEqual(older.settled);
    });
  });

  it('halts if a batch has another fence than the barrier before it', () => {
    everywhere((known, index, chunk, n) => {
      const batch = some(behind(known.records, index, 'batch'), n);
      const { fence } = (known.records[batch] as PlacedRecord).record;
      for (const other of [fence - 1, fence + 1]) {
        expectHalt(takeOver(known, index, chunk, replaced(known.records, batch, { fence: other })), 'fence_order');
      }
    });
  });

  it('lets a late barrier of the same server stand, but no batch under it', () => {
    everywhere((known, index, chunk, n) => {
      const { offset, record } = known.records[some(behind(known.records, index, 'barrier'), n)] as PlacedRecord;
      fc.pre(record.kind === 'barrier' && record.fence > 1);
      const cut = known.records.filter((placed) => placed.offset <= offset);
      const { seq } = settledAt(cut, cut.length - 1);
      const late: PlacedRecord = { offset: offset + 2, record: { ...record, fence: record.fence - 1 } };
      const below: Batch = { kind: 'batch', fence: record.fence - 1, seq: seq + 1, groups: [] };
      const own = known.records.at(-1) as PlacedRecord;
      const end = { ...own, offset: offset + 100 };
      const moved = { ...known, own: { ...known.own, offset: offset + 100 } };
      expect(takeOver(moved, index, chunk, [...cut, late, end]).halt).toBeNull();
      const wrong = [...cut, late, { offset: offset + 4, record: below }, end];
      expectHalt(takeOver(moved, index, chunk, wrong), 'fence_order');
    });
  });

  it('halts if its own fence, or a later one, sent batches before its own barrier; a barrier alone changes nothing', () => {
    everywhere((known, index, chunk, n) => {
      const { fence, server, offset } = known.own;
      const before = known.records.slice(0, -1);
      const { seq } = settledAt(before, before.length - 1);
      const twin: Barrier = { ...originOf(server), kind: 'barrier', fence: fence + (n % 3), from: -1, relays: 32 };
      const batch: Batch = { kind: 'batch', fence: twin.fence, seq: seq + 1, groups: [] };
      const own: PlacedRecord = { offset: offset + 4, record: { ...twin, fence } };
      const twice = { ...known, own: { ...known.own, offset: offset + 4 } };
      const records = [...before, { offset, record: twin }, { offset: offset + 2, record: batch }, own];
      expectHalt(takeOver(twice, index, chunk, records), 'fence_order');
      expect(takeOver(twice, index, chunk, [...before, { offset, record: twin }, own]).halt).toBeNull();
    });
  });

  it('takes a ledger of which nothing is remembered only whole', () => {
    fc.assert(
      fc.property(log, size, at, (known, chunk, n) => {
        expect(takeOver(known, -1, chunk).steps).toHaveLength(behind(known.records, -1, 'batch').length);
        const from = 1 + (n % known.records.length);
        const rest = known.records.slice(from);
        if (rest.length > 0) expectHalt(takeOver(known, -1, chunk, rest, from), 'history_incomplete');
        fc.pre(behind(known.records, from - 1, 'batch').length > 0 && settledAt(known.records, from - 1).seq > 0);
        expectHalt(takeOver(known, -1, chunk, rest), 'history_incomplete', 'fence_order');
      }),
      RUNS,
    );
  });

  it('never ends before its own barrier, nor where something else stands in its place', () => {
    everywhere((known, index, chunk) => {
      const last = known.records.length - 1;
      const without = takeOver(known, index, chunk, known.records.slice(0, -1));
      expectHalt(without, 'barrier_missing');
      for (const part of [{ fence: known.own.fence + 1 }, { server: 'another' }, { kind: 'batch', seq: 1 }]) {
        expectHalt(takeOver(known, index, chunk, replaced(known.records, last, part)), 'barrier_missing');
      }
      const beyond = known.records.map((placed, i) => (i === last ? { ...placed, offset: placed.offset + 1 } : placed));
      expectHalt(takeOver(known, index, chunk, beyond), 'barrier_missing');
      const { seq, fence } = settledAt(known.records, last - 1);
      const batch = { kind: 'batch', seq: seq + 1, fence, groups: [] } as const;
      const overrun = [...known.records.slice(0, -1), { offset: known.own.offset + 2, record: batch }];
      const over = takeOver(known, index, chunk, overrun);
      expect(over.halt?.reason).toBe('barrier_missing');
      expect(over.steps.filter(({ after }) => after.offset > known.own.offset)).toEqual([]);
      const more = known.records.concat({
        offset: known.own.offset + 2,
        record: { kind: 'batch', fence: 0, seq: 0, groups: [] },
      });
      expect(takeOver(known, index, chunk, more)).toEqual(takeOver(known, index, chunk));
    });
  });

  it('halts over records out of order and over a row that contradicts itself', () => {
    everywhere((known, index, chunk, n) => {
      const barrier = some(behind(known.records, index, 'barrier'), n);
      const { record } = known.records[barrier] as PlacedRecord;
      const back = known.records.toSpliced(barrier + 1, 0, { offset: known.records[barrier]?.offset ?? 0, record });
      expectHalt(takeOver(known, index, chunk, back), 'out_of_order');
      const rows: Settled[] = [
        { ...NOTHING, offset: 0 },
        { ...NOTHING, seq: 1 },
        { ...NOTHING, kind: 'barrier', fence: 1 },
      ];
      for (const settled of rows)
        expectHalt(read({ ...known, settled, logStart: 0 }, known.records, chunk), 'row_invalid');
    });
  });
});
