import { randomBytes } from 'node:crypto';
import type { OutboxEvent } from '../../../../src/domain/event';
import { contents, createTopic } from '../../../support/kafka';
import { outboxEvent } from '../../../support/kafka-events';
import { batchOf, PATIENT, testSink } from '../../../support/kafka-sink';
import type { TestSink } from '../../../support/kafka-sink';
import { testServers } from '../../../support/stack';

describe('plain keys', () => {
  const brokers = testServers().kafkaBrokers;
  let sink: TestSink;
  let topic: string;

  beforeEach(async () => {
    sink = testSink(brokers);
    topic = await createTopic(brokers);
  });
  afterEach(() => sink.close());

  const events = (count: number): OutboxEvent[] => Array.from({ length: count }, (_, i) => outboxEvent(i, { topic }));

  it('go with each call, and an event that fits by its shorter key alone is no event too large', async () => {
    const session = await sink.takeOver();
    const narrow = await createTopic(brokers, 1, { 'max.message.bytes': '4000' });
    const tenant = 't'.repeat(100);
    const of = (size: number): OutboxEvent[] => [
      outboxEvent(1, { tenant, topic: narrow, key: 'k', payload: randomBytes(size) }),
    ];
    let size = 3_000;
    while ((await session.preflight(of(size + 1))).unsendable.length === 0) size += 1;
    expect((await session.preflight(of(size + 1), [narrow])).unsendable).toEqual([]);
    expect((await session.preflight(of(size + 1), ['another'])).unsendable).toHaveLength(1);
    await session.publish(batchOf(1, of(size + 1)), { ...PATIENT, plainKey: [narrow] });

    const batch = batchOf(2, events(40));
    const places = await session.publish(batch, { ...PATIENT, plainKey: ['*'] });
    const entry = (await session.readLedger())!;
    expect(await session.locate(batch, entry, [topic])).toEqual(places);
    expect(await session.locate(batch, entry)).toBeNull();
    expect((await contents(brokers, topic)).committed.map((record) => String(record.key))).toEqual(
      expect.arrayContaining(batch.events.map((event) => event.key)),
    );
  });
});
