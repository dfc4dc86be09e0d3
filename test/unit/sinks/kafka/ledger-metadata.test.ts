import fc from 'fast-check';
import { batchIdOf, ledgerMetadata, placesFrom, shortMetadata } from '../../../../src/sinks/kafka/ledger-metadata';
import { assignPlaces, planPartitions } from '../../../../src/sinks/kafka/places';
import type { SentRun } from '../../../../src/sinks/kafka/places';
import type { OutgoingBatch } from '../../../../src/sinks/sink';
import { outboxEvent } from '../../../support/kafka-events';

const BATCH_ID = '0193a0f4-7c1e-7000-8000-000000000001';
const TENANT_KEYS = (): 'tenant' => 'tenant';

/** A batch, and runs as a broker could have given them out: split and with gaps in between. */
function sent(topicOf: readonly string[], partitions: number, split: number) {
  const events = topicOf.map((topic, i) => outboxEvent(i, { topic, key: `k-${i % 11}` }));
  const batch: OutgoingBatch = { batchId: BATCH_ID, seq: 7, events };
  const counts = new Map([...new Set(topicOf)].map((topic) => [topic, partitions]));
  const plan = planPartitions(events, counts, TENANT_KEYS);
  const runs: SentRun[] = [];
  for (const topic of counts.keys()) {
    for (let partition = 0; partition < partitions; partition += 1) {
      let left = events.filter((event, i) => event.topic === topic && plan.partitions[i] === partition).length;
      for (let base = 1_000 * partition; left > 0; base += split + (base % 2)) {
        const count = Math.min(split, left);
        runs.push({ topic, partition, baseOffset: base, count });
        left -= count;
      }
    }
  }
  return { batch, plan, runs };
}

const locate = (metadata: string, batch: OutgoingBatch, style: () => 'tenant' | 'plain' = TENANT_KEYS) =>
  placesFrom(metadata, batch, (counts) => planPartitions(batch.events, counts, style));

describe('ledger metadata', () => {
  it('gives back the places of all events', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('orders', 'bills', 'x'), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 9 }),
        (topics, partitions, split) => {
          const { batch, plan, runs } = sent(topics, partitions, split);
          const places = assignPlaces(batch, plan, runs);
          expect(places).not.toBeNull();
          expect(locate(ledgerMetadata(batch, plan, runs), batch)).toEqual(places);
        },
      ),
    );
  });

  it('joins the sends of a partition that follow each other', () => {
    const batch: OutgoingBatch = {
      batchId: BATCH_ID,
      seq: 1,
      events: [1, 2, 3].map((i) => outboxEvent(i, { key: 'k' })),
    };
    const plan = planPartitions(batch.events, new Map([['orders', 1]]), TENANT_KEYS);
    const runs = [0, 1, 2].map((i) => ({ topic: 'orders', partition: 0, baseOffset: 40 + i, count: 1 }));
    expect(ledgerMetadata(batch, plan, runs)).toMatch(/ 1:0\.14\.3$/);
  });

  it('keeps the batch id when the places do not fit', () => {
    const { batch, plan, runs } = sent(
      Array.from({ length: 2_000 }, (_, i) => `t${i % 200}`),
      8,
      1,
    );
    const metadata = ledgerMetadata(batch, plan, runs);
    expect(metadata).toBe(shortMetadata(batch));
    expect(batchIdOf(metadata)).toBe(BATCH_ID);
    expect(locate(metadata, batch)).toBeNull();
  });

  it('says nothing about another batch, other events or another key style', () => {
    const { batch, plan, runs } = sent(['orders', 'orders', 'bills', 'orders'], 6, 5);
    const metadata = ledgerMetadata(batch, plan, runs);
    expect(locate(metadata, { ...batch, batchId: '0193a0f4-7c1e-7000-8000-000000000002' })).toBeNull();
    expect(locate(metadata, { ...batch, events: batch.events.slice(1) })).toBeNull();
    expect(locate(metadata, batch, () => 'plain')).toBeNull();
  });

  it.each(['', 'x', '1', '1 ', '2 abc', `1 ${BATCH_ID} a`, `1 ${BATCH_ID} a b;c`, `1 ${BATCH_ID} a 0:0.0.1`, 'NaN;'])(
    'takes foreign metadata "%s" for no batch of ours',
    (metadata) => {
      const { batch } = sent(['orders'], 6, 5);
      expect(locate(metadata, batch)).toBeNull();
      if (!metadata.includes(BATCH_ID)) expect(batchIdOf(metadata)).toBe(metadata);
    },
  );
});
