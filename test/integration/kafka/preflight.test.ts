import { randomBytes, randomUUID } from 'node:crypto';
import type { OutboxEvent } from '../../../src/domain/event';
import type { RelayKafka } from '../../../src/kafka/relay-kafka';
import { consume, createTopic } from '../../support/kafka';
import { outboxEvent } from '../../support/kafka-events';
import { openRelay, relayBatch, relayKafka, relayKafkaWithLedger, result } from '../../support/relay-kafka';
import { testServers } from '../../support/stack';

/** What is found before anything is sent. */
describe('a look at events before they are sent', () => {
  const brokers = testServers().kafkaBrokers;
  let kafka: RelayKafka;
  beforeEach(async () => {
    kafka = await relayKafkaWithLedger(brokers);
  });
  afterEach(() => kafka.close());

  it('finds an event that its topic never takes, and not its neighbours', async () => {
    const narrow = await createTopic(brokers, 1, { 'max.message.bytes': '2000' });
    const sizes = [10, 3_000, 1_000, 1_700];
    const found = await kafka.preflight(
      sizes.map((size, i) => outboxEvent(i, { topic: narrow, payload: Buffer.alloc(size) })),
      undefined,
    );
    expect(found.blockedTopics).toEqual([]);
    expect(found.unsendable.map(({ eventId, code }) => [eventId, code])).toEqual([
      ['1', 'EVENT_TOO_LARGE'],
      ['3', 'EVENT_TOO_LARGE'],
    ]);
    expect(found.unsendable[0]?.reason).toContain('2000');
  });

  it('measures with the key that is sent: what it lets pass, the broker takes', async () => {
    const narrow = await createTopic(brokers, 1, { 'max.message.bytes': '4000' });
    const tenant = 't'.repeat(100);
    const createdAt = new Date().toISOString();
    const of = (size: number): OutboxEvent[] => [
      outboxEvent(1, { tenant, topic: narrow, key: 'k', createdAt, payload: randomBytes(size) }),
    ];
    const fits = async (size: number, plainKey?: string[]): Promise<boolean> =>
      (await kafka.preflight(of(size), plainKey)).unsendable.length === 0;
    let size = 3_000;
    while (await fits(size + 1)) size += 1;
    expect(await fits(size + 1, [narrow])).toBe(true);
    expect(await fits(size + 1, ['another'])).toBe(false);
    const { producer } = await openRelay(kafka, 1);
    await result('committed', producer.transact(relayBatch(1, of(size))));
    const shorter = relayBatch(2, of(size + 1));
    const groups = shorter.groups.map((group) => ({ ...group, plainKey: [narrow] }));
    await result('committed', producer.transact({ ...shorter, groups }));
  });

  it('a missing topic blocks only itself, and a name that Kafka does not take is missing', async () => {
    const missing = `missing-${randomUUID()}`;
    const topics = [await createTopic(brokers), missing, 'no spaces, please'];
    const found = await kafka.preflight(
      topics.map((topic, i) => outboxEvent(i, { topic })),
      undefined,
    );
    expect(found.unsendable).toEqual([]);
    expect(found.blockedTopics.map(({ topic, code }) => [topic, code])).toEqual([
      [missing, 'KAFKA_TOPIC_MISSING'],
      ['no spaces, please', 'KAFKA_TOPIC_MISSING'],
    ]);
  });

  it('topics outside the allow-list, internal ones and the ledger are never allowed', async () => {
    const topic = await createTopic(brokers);
    const strict = relayKafka(brokers, { topics: { isAllowed: (name) => name !== topic, create: null } });
    const topics = [topic, '__consumer_offsets', 'outbox-ledger', strict.ledgerTopic];
    const found = await strict.preflight(
      topics.map((name, i) => outboxEvent(i, { topic: name })),
      undefined,
    );
    expect(found.blockedTopics.map(({ topic: name, code }) => [name, code])).toEqual(
      topics.map((name) => [name, 'KAFKA_TOPIC_NOT_ALLOWED']),
    );
    strict.close();
  });

  it('creates topics on demand only when told to', async () => {
    const create = { partitions: 3, replicationFactor: null };
    const creating = await relayKafkaWithLedger(brokers, { topics: { isAllowed: () => true, create } });
    const event = outboxEvent(1, { topic: `wanted-${randomUUID()}`, createdAt: new Date().toISOString() });
    expect((await creating.preflight([event], undefined)).blockedTopics).toEqual([]);
    const { producer } = await openRelay(creating, 1);
    await result('committed', producer.transact(relayBatch(1, [event])));
    expect(await consume(brokers, event.topic, 1)).toHaveLength(1);
    creating.close();
  });

  it('an outage condemns nothing', async () => {
    const away = relayKafka(['127.0.0.1:1'], { connectionTimeoutMs: 500 });
    await expect(away.preflight([outboxEvent(1)], undefined)).rejects.toMatchObject({ code: 'KAFKA_UNAVAILABLE' });
    expect(await away.reachable(1_000)).toBe(false);
    expect(await kafka.reachable(5_000)).toBe(true);
    away.close();
  });
});
