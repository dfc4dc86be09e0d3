import fc from 'fast-check';
import { LedgerLogFold } from '../../../../src/sinks/kafka/ledger-log-fold';
import type { LogRecord } from '../../../../src/sinks/kafka/ledger-log-fold';
import { offsetKeyOf, offsetValueOf, partitionOfGroup } from '../../../../src/sinks/kafka/offset-record';

const LEDGER = { group: 'outbox-ledger.i.publisher:acme', topic: 'outbox-ledger', partition: 0 };
const BARRIER = '0 of this test';

function keyOf(group: string, topic = 'outbox-ledger', partition = 0): Buffer {
  const text = (value: string): Buffer => Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)]);
  const number = Buffer.alloc(4);
  number.writeInt32BE(partition);
  return Buffer.concat([int16(1), text(group), text(topic), number]);
}

function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeInt16BE(value);
  return buffer;
}

function valueOf(offset: number, metadata = ''): Buffer {
  const head = Buffer.alloc(12);
  head.writeBigInt64BE(BigInt(offset));
  head.writeInt32BE(-1, 8);
  return Buffer.concat([int16(3), head, int16(metadata.length), Buffer.from(metadata), Buffer.alloc(8)]);
}

const commit = (producerId: string, offset: number, group = LEDGER.group): LogRecord => ({
  key: keyOf(group),
  value: valueOf(offset),
  isControlRecord: false,
  batchContext: { producerId, inTransaction: true },
});
const marker = (producerId: string, kind: 'abort' | 'commit'): LogRecord => ({
  key: Buffer.concat([int16(0), int16(kind === 'abort' ? 0 : 1)]),
  value: null,
  isControlRecord: true,
  batchContext: { producerId, inTransaction: true },
});
const barrier: LogRecord = {
  ...commit('7', 0),
  value: valueOf(0, BARRIER),
};

function read(records: readonly LogRecord[]): { offset: number | undefined; complete: boolean } {
  const fold = new LedgerLogFold(LEDGER, BARRIER);
  records.forEach((record) => fold.take(record));
  return { offset: fold.result()?.offset, complete: fold.isComplete };
}

describe('LedgerLogFold', () => {
  it('takes what was committed, not what was aborted, and nothing after the barrier', () => {
    const log = [
      commit('7', 1),
      marker('7', 'commit'),
      commit('7', 2),
      marker('7', 'abort'),
      barrier,
      commit('7', 3),
      marker('7', 'commit'),
    ];
    expect(read(log)).toEqual({ offset: 1, complete: true });
    expect(read(log.slice(0, 4)).complete).toBe(false);
  });

  it('does not mix up publishers, nor the transactions of other producers', () => {
    const log = [
      commit('7', 4),
      commit('8', 9, 'outbox-ledger.i.publisher:globex'),
      marker('8', 'commit'),
      marker('7', 'abort'),
      barrier,
    ];
    expect(read(log)).toEqual({ offset: undefined, complete: true });
  });

  it('makes nothing of a transaction without an end: that log has lost something', () => {
    expect(() => read([commit('5', 4), barrier])).toThrow('no end');
  });

  it('counts an offset that was set without a transaction, and one that was deleted afterwards', () => {
    const plain = { ...commit('-1', 6), batchContext: { producerId: '-1', inTransaction: false } };
    expect(read([plain, barrier])).toEqual({ offset: 6, complete: true });
    // A coordinator with half a ledger may find it expired.
    expect(read([plain, { ...plain, value: null }, barrier])).toEqual({ offset: 6, complete: true });
  });

  it('finds the last commit among interleaved transactions of many producers', () => {
    const step = fc.record({ mine: fc.boolean(), other: fc.constantFrom('11', '12'), ends: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const log: LogRecord[] = [];
        let expected: number | undefined;
        steps.forEach(({ mine, other, ends }, i) => {
          const noise = commit(other, 1_000 + i, `group of ${other}`);
          const own = [commit('7', i + 1), noise, marker('7', ends ? 'commit' : 'abort'), marker(other, 'commit')];
          log.push(...(mine ? own : [noise, marker(other, ends ? 'commit' : 'abort')]));
          if (mine && ends) expected = i + 1;
        });
        return read([...log, barrier]).offset === expected;
      }),
    );
  });
});

describe('records of the offsets topic', () => {
  it('are read as Kafka writes them', () => {
    expect(offsetKeyOf(keyOf('g', 't', 3))).toEqual({ group: 'g', topic: 't', partition: 3 });
    expect(offsetValueOf(valueOf(12, '1 abc'))).toEqual({ offset: 12, metadata: '1 abc' });
    // Version 4 is "flexible": the length is a varint, plus one.
    const long = 'x'.repeat(300);
    const flexible = Buffer.concat([
      int16(4),
      valueOf(12).subarray(2, 14),
      Buffer.from([0xad, 0x02]),
      Buffer.from(long),
    ]);
    expect(offsetValueOf(flexible)).toEqual({ offset: 12, metadata: long });
  });

  it('of other kinds, and of versions to come, are told apart', () => {
    expect(offsetKeyOf(Buffer.concat([int16(2), int16(1), Buffer.from('g')]))).toBeNull();
    expect(() => offsetValueOf(int16(5))).toThrow('version 5');
  });

  // Utils.abs(groupId.hashCode()) % count, computed by Java.
  it.each([
    ['abc', 4, 50],
    ['polygenelubricants', 0, 50],
    ['outbox-ledger.i.publisher:acme', 18, 50],
  ])('%s lies in partition %i', (group, partition, count) => {
    expect(partitionOfGroup(group, count)).toBe(partition);
  });
});
