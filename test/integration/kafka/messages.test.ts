import { randomBytes } from 'node:crypto';
import { Partitioners } from 'kafkajs';
import type { RelayKafka } from '../../../src/kafka/relay-kafka';
import { consume, contents, createTopic } from '../../support/kafka';
import { outboxEvent } from '../../support/kafka-events';
import { openRelay, relayBatch, relayKafkaWithLedger, result } from '../../support/relay-kafka';
import { testServers } from '../../support/stack';

/** What consumers of any client find. */
describe('messages', () => {
  const brokers = testServers().kafkaBrokers;
  let kafka: RelayKafka;
  let topic: string;

  beforeEach(async () => {
    [kafka, topic] = await Promise.all([relayKafkaWithLedger(brokers), createTopic(brokers)]);
  });
  afterEach(() => kafka.close());

  it('are what the documentation says, read back by a consumer of kafkajs', async () => {
    const { producer } = await openRelay(kafka, 1);
    const createdAt = new Date().toISOString();
    const mixed = [
      outboxEvent(1, { topic, createdAt, headers: { a: 'ü', traceparent: '00-1-2-01' }, attempts: 3 }),
      outboxEvent(2, { topic, createdAt, key: null, contentType: null, payload: null }),
      outboxEvent(3, { topic, createdAt, key: '', payload: Buffer.alloc(0), type: 'naïve.type' }),
      outboxEvent(4, { topic, createdAt, payload: randomBytes(50_000), key: 'schlüssel-€' }),
    ];
    const { places } = await result('committed', producer.transact(relayBatch(1, mixed)));
    const read = await consume(brokers, topic, mixed.length);
    for (const [i, event] of mixed.entries()) {
      const message = read.find(({ headers }) => headers['event-id'] === event.id);
      expect(message?.key).toBe(`acme:${event.key ?? event.dedupeKey}`);
      expect(message?.value).toEqual(event.payload);
      expect(message?.timestamp).toBe(String(Date.parse(event.createdAt)));
      expect({ partition: message?.partition, offset: message?.offset }).toEqual(places[0]?.[i]);
      expect(message?.headers).toEqual({
        'tenant-id': 'acme',
        'dedupe-key': event.dedupeKey,
        'event-id': event.id,
        'event-type': event.type,
        'event-topic': topic,
        'event-created-at': event.createdAt,
        'content-type': event.contentType ?? 'application/octet-stream',
        'retry-count': String(event.attempts),
        'processing-attempt': String(event.attempts + 1),
        'x-timestamp-ms': String(Date.parse(event.createdAt)),
        'x-schema-version': '1.0',
        'x-producer-id': expect.stringMatching(/\/relay-1@1$/) as string,
        ...event.headers,
      });
    }
  });

  it('go where the partitioner of other clients would put them', async () => {
    const { producer } = await openRelay(kafka, 1);
    const createdAt = new Date().toISOString();
    const events = Array.from({ length: 200 }, (_, i) => outboxEvent(i, { topic, createdAt, key: `order-${i}` }));
    const { places } = await result('committed', producer.transact(relayBatch(1, events)));
    const partitioner = Partitioners.DefaultPartitioner();
    const partitionMetadata = [0, 1, 2, 3, 4, 5].map((partitionId) => ({
      partitionId,
      leader: 1,
      partitionErrorCode: 0,
      replicas: [1],
      isr: [1],
      offlineReplicas: [],
    }));
    for (const [i, event] of events.entries()) {
      const message = { key: `acme:${event.key}`, value: null };
      expect(places[0]?.[i]?.partition).toBe(partitioner({ topic, partitionMetadata, message }));
    }
  });

  it('have the ordering key alone where the tenant says so', async () => {
    const { producer } = await openRelay(kafka, 1);
    const createdAt = new Date().toISOString();
    const events = Array.from({ length: 40 }, (_, i) => outboxEvent(i, { topic, createdAt }));
    const batch = relayBatch(1, events);
    const groups = batch.groups.map((group) => ({ ...group, plainKey: ['*'] }));
    await result('committed', producer.transact({ ...batch, groups }));
    expect((await contents(brokers, topic)).committed.map((record) => String(record.key))).toEqual(
      expect.arrayContaining(events.map((event) => event.key)),
    );
  });
});
