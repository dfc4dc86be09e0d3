import { splitAborted } from '../../../src/sinks/kafka/aborted';

const data = (offset: number, producerId: string, inTransaction = true) => ({
  offset: String(offset),
  key: null,
  isControlRecord: false,
  batchContext: { producerId, inTransaction },
});
const marker = (offset: number, producerId: string, kind: 'abort' | 'commit') => ({
  ...data(offset, producerId),
  key: Buffer.from([0, 0, 0, kind === 'abort' ? 0 : 1]),
  isControlRecord: true,
});
const offsets = (records: readonly { offset: string }[]): number[] => records.map(({ offset }) => Number(offset));

describe('splitAborted', () => {
  it('keeps everything when the broker names no aborted transaction, and shows control records to nobody', () => {
    const split = splitAborted([data(0, 'a'), marker(1, 'a', 'commit'), data(2, 'b', false)], null);
    expect(offsets(split.committed)).toEqual([0, 2]);
    expect(split.aborted).toEqual([]);
  });

  // Brokers list aborted transactions by the offset of their markers. A filter that takes the list in that order, one entry
  // a record (kafkajs), treats b's committed or a's aborted records wrongly here.
  it('tells interleaved transactions apart whatever the order of the list', () => {
    const log = [
      data(0, 'a'),
      data(1, 'b'),
      marker(2, 'b', 'abort'),
      data(3, 'b'),
      marker(4, 'a', 'abort'),
      marker(5, 'b', 'commit'),
      data(6, 'a'),
    ];
    const split = splitAborted(log, [
      { producerId: 'b', firstOffset: '1' },
      { producerId: 'a', firstOffset: '0' },
    ]);
    expect(offsets(split.committed)).toEqual([3, 6]);
    expect(offsets(split.aborted)).toEqual([0, 1]);
  });

  it('knows a transaction that began before the fetched stretch', () => {
    const split = splitAborted(
      [data(10, 'a'), marker(11, 'a', 'abort'), data(12, 'a')],
      [{ producerId: 'a', firstOffset: '3' }],
    );
    expect(offsets(split.aborted)).toEqual([10]);
    expect(offsets(split.committed)).toEqual([12]);
  });

  it('leaves records outside transactions alone', () => {
    const split = splitAborted([data(1, 'a', false), data(2, 'a')], [{ producerId: 'a', firstOffset: '0' }]);
    expect(offsets(split.committed)).toEqual([1]);
  });
});
