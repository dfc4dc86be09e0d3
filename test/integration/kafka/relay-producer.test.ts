import { randomUUID } from 'node:crypto';
import { withAdmin } from '../../../faults/harness/topics';
import type { RelayKafka } from '../../../src/kafka/relay-kafka';
import { consume, contents, createTopic } from '../../support/kafka';
import { failure } from '../../support/kafka-bare';
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

  it('says which record was refused, where the broker does', async () => {
    const strict = await createTopic(brokers, 1, { 'message.timestamp.before.max.ms': '3600000' });
    const { producer } = await openRelay(kafka, 0);
    const events = tenantsEvents(2, 6, { topic: strict }).map((event, i) =>
      i === 3 ? { ...event, createdAt: '2020-01-01T00:00:00.000Z' } : event,
    );
    const { refusals } = await result('refused', producer.transact(relayBatch(1, events)));
    expect(refusals).toMatchObject([{ code: 'EVENT_REFUSED', byItself: true, events: [{ group: 1, index: 1 }] }]);
    const rest = events.filter((_, i) => i !== 3);
    await result('committed', producer.transact(relayBatch(1, rest)));
  });

  it('blames nobody alone for a batch that is too large together', async () => {
    const narrow = await createTopic(brokers, 1, { 'max.message.bytes': '3000' });
    const { producer } = await openRelay(kafka, 0);
    const two = tenantsEvents(2, 2, { topic: narrow, payload: Buffer.alloc(2_000) });
    const together = await result('refused', producer.transact(relayBatch(1, two)));
    expect(together.refusals).toMatchObject([{ code: 'EVENT_TOO_LARGE', byItself: false }]);
    const alone = tenantsEvents(1, 1, { topic: narrow, payload: Buffer.alloc(5_000) });
    const { refusals } = await result('refused', producer.transact(relayBatch(1, alone)));
    expect(refusals).toMatchObject([{ code: 'EVENT_TOO_LARGE', byItself: true }]);
  });

  it('refuses a missing topic before anything is sent, also one that went away since', async () => {
    const { producer } = await openRelay(kafka, 0);
    const missing = `missing-${randomUUID()}`;
    const mixed = [...tenantsEvents(2, 4, { topic }), ...tenantsEvents(1, 1, { topic: missing })];
    const first = await result('refused', producer.transact(relayBatch(1, mixed)));
    expect(first.refusals).toMatchObject([{ topic: missing, partition: null, code: 'KAFKA_TOPIC_MISSING' }]);
    expect(first.refusals[0]?.events).toEqual([{ group: 0, index: 2 }]);
    const gone = await createTopic(brokers, 1);
    await result('committed', producer.transact(relayBatch(1, tenantsEvents(1, 1, { topic: gone }))));
    await withAdmin(brokers.join(), (admin) => admin.deleteTopics({ topics: [gone] }));
    const second = await result('refused', producer.transact(relayBatch(2, tenantsEvents(1, 2, { topic: gone }))));
    expect(second.refusals).toMatchObject([{ topic: gone, code: 'KAFKA_TOPIC_MISSING' }]);
    await result('committed', producer.transact(relayBatch(2, tenantsEvents(2, 4, { topic }))));
  });

  it('is fenced by the next one of its relay, and not by that of another', async () => {
    const older = await openRelay(kafka, 1);
    const other = await openRelay(kafka, 2);
    const newer = await openRelay(kafka, 1, 2);
    const batch = relayBatch(1, tenantsEvents(2, 10, { topic }));
    expect((await failure(older.producer.transact(batch))).code).toBe('KAFKA_FENCED');
    expect(older.producer.isAlive).toBe(false);
    expect((await failure(older.producer.transact(batch))).code).toBe('INTERNAL');
    await result('committed', newer.producer.transact(batch));
    await result('committed', other.producer.transact(batch));
    expect((await contents(brokers, topic)).committed).toHaveLength(20);
  });

  it('sends beside another relay to the same partitions', async () => {
    const relays = await Promise.all([0, 1, 2].map((relay) => openRelay(kafka, relay)));
    const places = await Promise.all(
      relays.map(async ({ producer }, relay) => {
        const own: string[] = [];
        for (let seq = 1; seq <= 20; seq += 1) {
          const batch = relayBatch(seq, tenantsEvents(4, 40, { topic, type: `of-${relay}` }));
          const { places: taken } = await result('committed', producer.transact(batch));
          own.push(...taken.flat().map(({ partition, offset }) => `${partition}/${offset}`));
        }
        return own;
      }),
    );
    const { committed } = await contents(brokers, topic);
    expect(committed).toHaveLength(3 * 20 * 40);
    expect(new Set(places.flat()).size).toBe(3 * 20 * 40);
    for (const [relay, own] of places.entries()) {
      const read = committed.filter(({ headers }) => String(headers['event-type']) === `of-${relay}`);
      expect(read).toHaveLength(own.length);
    }
  });

  it('carries 6,000 events of 1,000 tenants in one transaction, and their record in the ledger', async () => {
    const { producer } = await openRelay(kafka, 3);
    const events = tenantsEvents(1_000, 6_000, { topic, key: null });
    const { ledgerOffset } = await result('committed', producer.transact(relayBatch(1, events)));
    const next = await openRelay(kafka, 3, 2);
    const [batch, barrier] = await readAll(next.producer, ledgerOffset, next.barrier);
    expect([batch?.offset, barrier?.offset]).toEqual([ledgerOffset, next.barrier]);
    const members = batch?.record.kind === 'batch' ? batch.record.groups.flatMap((group) => group.members) : [];
    expect(members.map(({ eventId }) => Number(eventId)).sort((a, b) => a - b)).toEqual(events.map((_, i) => i));
  });

  it('can have its last transaction described by anybody', async () => {
    expect(await kafka.describeTransaction(1)).toBeNull();
    const { producer } = await openRelay(kafka, 1);
    await result('committed', producer.transact(relayBatch(1, tenantsEvents(1, 1, { topic }))));
    const described = await kafka.describeTransaction(1);
    expect(described?.state).toMatch(/^(Prepare|Complete)Commit$/);
    expect(described?.producerId).toBeGreaterThanOrEqual(0);
  });
});
