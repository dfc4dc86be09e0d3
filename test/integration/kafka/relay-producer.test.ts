import type { RelayKafka } from '../../../src/kafka/relay-kafka';
import { consume, contents, createTopic } from '../../support/kafka';
import { openRelay, readAll, relayBatch, relayKafkaWithLedger, result, tenantsEvents } from '../../support/relay-kafka';
import { testServers } from '../../support/stack';

/** What one transaction of a relay leaves in Kafka. */
describe('a relay’s producer', () => {
  const brokers = testServers().kafkaBrokers;
  let kafka: RelayKafka;
  let topic: string;

  beforeEach(async () => {
    [kafka, topic] = await Promise.all([relayKafkaWithLedger(brokers), createTopic(brokers)]);
  });
  afterEach(() => kafka.close());

  it('commits events of many tenants and topics, each where the result says', async () => {
    const other = await createTopic(brokers, 1);
    const { producer } = await openRelay(kafka, 1);
    const events = [...tenantsEvents(5, 200, { topic }), ...tenantsEvents(5, 50, { topic: other })].map((event, i) => ({
      ...event,
      id: String(i + 1),
    }));
    const batch = relayBatch(1, events);
    const { places } = await result('committed', producer.transact(batch));
    const read = [...(await consume(brokers, topic, 200)), ...(await consume(brokers, other, 50))];
    expect(read).toHaveLength(250);
    for (const [g, { events: own }] of batch.groups.entries()) {
      for (const [i, event] of own.entries()) {
        const message = read.find(({ headers }) => headers['event-id'] === event.id);
        expect({ partition: message?.partition, offset: message?.offset }).toEqual(places[g]?.[i]);
        expect(message?.headers).toMatchObject({ 'tenant-id': event.tenant, 'event-topic': event.topic });
        expect(message?.headers['x-producer-id']).toMatch(/^[0-9a-f-]{36}\/relay-1@1$/);
        expect(message?.key).toBe(`${event.tenant}:${event.key}`);
      }
    }
  });

  it('writes what a take-over reads: from L, itself included, to the barrier', async () => {
    const { producer, barrier } = await openRelay(kafka, 2, 7);
    const offsets = [barrier];
    for (let seq = 1; seq <= 3; seq += 1) {
      const batch = relayBatch(seq, tenantsEvents(3, 30, { topic }), 7);
      offsets.push((await result('committed', producer.transact(batch))).ledgerOffset);
    }
    const next = await openRelay(kafka, 2, 8);
    const all = await readAll(next.producer, -1, next.barrier);
    expect(all.map(({ offset, record }) => [offset, record.kind, record.fence])).toEqual([
      [offsets[0], 'barrier', 7],
      [offsets[1], 'batch', 7],
      [offsets[2], 'batch', 7],
      [offsets[3], 'batch', 7],
      [next.barrier, 'barrier', 8],
    ]);
    expect(all[1]?.record).toEqual({
      kind: 'batch',
      fence: 7,
      seq: 1,
      groups: relayBatch(1, tenantsEvents(3, 30, { topic })).groups.map(({ publisher, events, fingerprints }) => ({
        publisher,
        members: events.map(({ id }, i) => ({ eventId: id, replayId: null, fingerprint: fingerprints[i] })),
      })),
    });
    const fromL = await readAll(next.producer, offsets[2] ?? -1, next.barrier);
    expect(fromL.map(({ offset }) => offset)).toEqual([offsets[2], offsets[3], next.barrier]);
    expect((await contents(brokers, topic)).committed).toHaveLength(90);
  });

  it('goes on in its epoch after a refused batch, with the same seq', async () => {
    const narrow = await createTopic(brokers, 1, { 'max.message.bytes': '3000' });
    const { producer } = await openRelay(kafka, 0);
    await result('committed', producer.transact(relayBatch(1, tenantsEvents(2, 4, { topic }))));
    const big = tenantsEvents(1, 2, { topic: narrow, payload: Buffer.alloc(2_000) });
    const mixed = [...tenantsEvents(3, 30, { topic }), ...big];
    const { refusals } = await result('refused', producer.transact(relayBatch(2, mixed)));
    expect(refusals).toMatchObject([{ topic: narrow, partition: 0, code: 'EVENT_TOO_LARGE' }]);
    expect(refusals[0]?.events).toEqual([
      { group: 0, index: 10 },
      { group: 0, index: 11 },
    ]);
    for (const seq of [2, 3]) {
      const events = [...tenantsEvents(3, 30, { topic }), ...big.slice(0, 1)];
      await result('committed', producer.transact(relayBatch(seq, events)));
    }
    const next = await openRelay(kafka, 0, 2);
    const records = await readAll(next.producer, 0, next.barrier);
    expect(records.flatMap(({ record }) => (record.kind === 'batch' ? record.seq : []))).toEqual([1, 2, 3]);
    const [common, own] = [await contents(brokers, topic), await contents(brokers, narrow)];
    expect([common.committed.length, common.aborted.length, own.committed.length]).toEqual([64, 30, 2]);
  });
});
