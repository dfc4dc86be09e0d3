import { randomBytes, randomUUID } from 'node:crypto';
import { Partitioners } from 'kafkajs';
import type { OutboxEvent } from '../../../../src/domain/event';
import { ledgerGroup } from '../../../../src/domain/publisher';
import { CODE } from '../../../../src/sinks/kafka/answer-error';
import { Connections } from '../../../../src/sinks/kafka/connections';
import { offsetFetch } from '../../../../src/sinks/kafka/offset-fetch';
import { withDefaults } from '../../../../src/sinks/kafka/options';
import { consume, contents, createTopic, quietKafka } from '../../../support/kafka';
import { outboxEvent } from '../../../support/kafka-events';
import { BARE, batchOf, failure, PATIENT, REF, testSink } from '../../../support/kafka-sink';
import type { TestSink } from '../../../support/kafka-sink';
import { testServers } from '../../../support/stack';

/** What any client behind the sink's port must do, shown on a real broker. */
describe('Kafka sink', () => {
  const brokers = testServers().kafkaBrokers;
  let sink: TestSink;
  let topic: string;

  beforeEach(async () => {
    sink = testSink(brokers);
    topic = await createTopic(brokers);
  });
  afterEach(() => sink.close());

  const events = (count: number, changes: Partial<OutboxEvent> = {}): OutboxEvent[] =>
    Array.from({ length: count }, (_, i) => outboxEvent(i, { topic, ...changes }));

  describe('messages', () => {
    it('are what the documentation says, read back by a consumer of kafkajs', async () => {
      const session = await sink.takeOver();
      const mixed = [
        outboxEvent(1, { topic, headers: { a: 'ü', traceparent: '00-1-2-01' }, attempts: 3 }),
        outboxEvent(2, { topic, key: null, contentType: null, payload: null }),
        outboxEvent(3, { topic, key: '', payload: Buffer.alloc(0), type: 'naïve.type' }),
        outboxEvent(4, { topic, payload: randomBytes(50_000), key: 'schlüssel-€' }),
      ];
      const batch = batchOf(1, mixed);
      const places = await session.publish(batch, PATIENT);
      const read = await consume(brokers, topic, mixed.length);
      for (const [i, event] of mixed.entries()) {
        const message = read.find(({ headers }) => headers['event-id'] === event.id);
        expect(message?.key).toBe(`acme:${event.key ?? event.dedupeKey}`);
        expect(message?.value).toEqual(event.payload);
        expect(message?.timestamp).toBe(String(Date.parse(event.createdAt)));
        expect({ partition: message?.partition, offset: message?.offset }).toEqual(places[i]);
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
          'x-producer-id': `publisher:acme@${batch.batchId}`,
          ...event.headers,
        });
      }
    });

    it('go where the partitioner of other clients would put them', async () => {
      const session = await sink.takeOver();
      const batch = batchOf(1, events(200));
      const places = await session.publish(batch, PATIENT);
      const partitioner = Partitioners.DefaultPartitioner();
      const partitionMetadata = [0, 1, 2, 3, 4, 5].map((partitionId) => ({
        partitionId,
        leader: 1,
        partitionErrorCode: 0,
        replicas: [1],
        isr: [1],
        offlineReplicas: [],
      }));
      for (const [i, event] of batch.events.entries()) {
        const message = { key: `acme:${event.key}`, value: null };
        expect(places[i]?.partition).toBe(partitioner({ topic, partitionMetadata, message }));
      }
    });

    it('keep the order of their key over sends, batches and sessions', async () => {
      const small = testSink(brokers, { maxSendBytes: 4_000 });
      let session = await small.takeOver();
      const all = Array.from({ length: 600 }, (_, i) => outboxEvent(i, { topic, key: `k-${i % 10}` }));
      for (let seq = 1; seq <= 3; seq += 1) {
        if (seq === 3) {
          await session.discard();
          session = await small.takeOver();
        }
        await session.publish(batchOf(seq, all.slice((seq - 1) * 200, seq * 200)), PATIENT);
      }
      const read = await consume(brokers, topic, all.length);
      for (let key = 0; key < 10; key += 1) {
        const ids = read.filter((message) => message.key === `acme:k-${key}`).map(({ headers }) => headers['event-id']);
        expect(ids).toEqual(all.filter((event) => event.key === `k-${key}`).map(({ id }) => id));
      }
      await small.close();
    });

    it('of several topics are one transaction', async () => {
      const other = await createTopic(brokers, 1);
      const session = await sink.takeOver();
      const batch = batchOf(1, [...events(5), outboxEvent(6, { topic: other }), ...events(3)]);
      const places = await session.publish(batch, PATIENT);
      expect(places[5]).toEqual({ partition: 0, offset: '0' });
      expect((await contents(brokers, other)).committed).toHaveLength(1);
      expect(await session.locate(batch, (await session.readLedger())!)).toEqual(places);
    });

    it('may be many more than fit one request', async () => {
      const session = await sink.takeOver();
      const batch = batchOf(1, events(5_000, { payload: Buffer.alloc(1_000, 'x'), key: 'one' }));
      const places = await session.publish(batch, PATIENT);
      expect(new Set(places.map(({ partition }) => partition)).size).toBe(1);
      expect(places.map(({ offset }) => Number(offset))).toEqual(batch.events.map((_, i) => i));
    });
  });

  describe('the ledger', () => {
    it('is null before the first batch, then says what was committed last, also to another session', async () => {
      const session = await sink.takeOver();
      expect(await session.readLedger()).toBeNull();
      for (let seq = 1; seq <= 3; seq += 1) {
        const batch = batchOf(seq, events(20));
        const places = await session.publish(batch, PATIENT);
        const next = seq === 3 ? await sink.takeOver() : session;
        const entry = await next.readLedger();
        expect(entry).toMatchObject({ seq, batchId: batch.batchId });
        expect(await next.locate(batch, entry!)).toEqual(places);
      }
    });

    it('of two publishers of one installation are two', async () => {
      const session = await sink.takeOver();
      await session.publish(batchOf(1, events(1)), PATIENT);
      const other = sink.open({ ...REF, shard: 1 });
      await other.takeOver();
      expect(await other.readLedger()).toBeNull();
      const third = sink.open({ ...REF, tenant: 'acme#1' });
      await third.takeOver();
      expect(await third.readLedger()).toBeNull();
    });

    // Without require_stable the answer here would be "nothing committed", a moment before it becomes untrue.
    it('is not told while a transaction that wrote it is undecided', async () => {
      const installId = randomUUID();
      const one = testSink(brokers, { installId });
      const session = await one.takeOver();
      const connections = new Connections(withDefaults({ ...BARE, brokers, installId }));
      const read = async (): Promise<unknown> => {
        const group = ledgerGroup(installId, REF);
        const broker = await connections.coordinator('group', group);
        return connections.send(broker, offsetFetch(group, 'outbox-ledger', 0)).catch((error: unknown) => error);
      };
      let meanwhile: unknown;
      const beforeCommit = async (): Promise<void> => {
        meanwhile = await read();
      };
      await session.publish(batchOf(1, events(1)), { ...PATIENT, beforeCommit });
      expect(meanwhile).toMatchObject({ code: CODE.UNSTABLE_OFFSET_COMMIT });
      expect(await session.readLedger()).toMatchObject({ seq: 1 });
      expect(await read()).toMatchObject({ offset: '1' });
      connections.destroy();
      await one.close();
    });

    it('is kept for as long as the broker says', async () => {
      expect(await sink.ledgerRetentionMs()).toBe(7 * 86_400_000);
    });
  });

  describe('taking over', () => {
    it('fences the older session before its next transaction', async () => {
      const older = await sink.takeOver();
      const newer = await sink.takeOver();
      expect((await failure(older.publish(batchOf(1, events(1)), PATIENT))).code).toBe('KAFKA_FENCED');
      await newer.publish(batchOf(1, events(1)), PATIENT);
      expect((await contents(brokers, topic)).committed).toHaveLength(1);
      expect(sink.outcomes).toEqual(['fenced', 'committed']);
    });

    it('fences the older session in the middle of its transaction: its commit is refused, its ledger is void', async () => {
      const older = await sink.takeOver();
      let newer: Awaited<ReturnType<TestSink['takeOver']>> | undefined;
      const beforeCommit = async (): Promise<void> => {
        newer = await sink.takeOver();
        expect(await newer.readLedger()).toBeNull();
      };
      const error = await failure(older.publish(batchOf(1, events(30)), { ...PATIENT, beforeCommit }));
      expect(error.code).toBe('KAFKA_FENCED');
      expect(await newer?.readLedger()).toBeNull();
      const { committed, aborted, undecided } = await contents(brokers, topic, 2_000);
      expect({ committed: committed.length, aborted: aborted.length, undecided }).toEqual({
        committed: 0,
        aborted: 30,
        undecided: 0,
      });
      await newer?.publish(batchOf(1, events(30)), PATIENT);
      expect((await contents(brokers, topic)).committed).toHaveLength(30);
      expect(sink.reinits).toEqual([]);
    });

    it('counts a producer made anew after a doubt, with its reason', async () => {
      const first = await sink.takeOver();
      const beforeCommit = (): Promise<void> => Promise.reject(new Error('settling failed'));
      await failure(first.publish(batchOf(1, events(1)), { ...PATIENT, beforeCommit }));
      await first.discard();
      await sink.takeOver();
      expect(sink.reinits).toEqual(['KAFKA_INDEFINITE']);
    });
  });

  describe('refusals', () => {
    it('an event that the topic never takes is found beforehand, its neighbours are not', async () => {
      const narrow = await createTopic(brokers, 1, { 'max.message.bytes': '2000' });
      const session = await sink.takeOver();
      const sizes = [10, 3_000, 1_000, 1_700];
      const found = await session.preflight(
        sizes.map((size, i) => outboxEvent(i, { topic: narrow, payload: Buffer.alloc(size) })),
      );
      expect(found.blockedTopics).toEqual([]);
      expect(found.unsendable.map(({ eventId, code }) => [eventId, code])).toEqual([
        ['1', 'EVENT_TOO_LARGE'],
        ['3', 'EVENT_TOO_LARGE'],
      ]);
      expect(found.unsendable[0]?.reason).toContain('2000');
    });

    it('measures exactly: what preflight lets pass, the broker takes, one byte more it does not', async () => {
      const limit = 3_000;
      const narrow = await createTopic(brokers, 1, { 'max.message.bytes': String(limit) });
      const session = await sink.takeOver();
      const of = (size: number): OutboxEvent[] => [outboxEvent(1, { topic: narrow, payload: Buffer.alloc(size) })];
      let size = 1_000;
      while ((await session.preflight(of(size + 1))).unsendable.length === 0) size += 1;
      await session.publish(batchOf(1, of(size)), PATIENT);
      const error = await failure(session.publish(batchOf(2, of(size + 1)), PATIENT));
      expect(error.code).toBe('EVENT_TOO_LARGE');
      expect(error.details['eventIds']).toEqual(['1']);
      expect(sink.outcomes).toEqual(['committed', 'aborted']);
    });

    it('a refused request names its events, and none of the batch becomes visible', async () => {
      const narrow = await createTopic(brokers, 1);
      const session = await sink.takeOver();
      await session.preflight([outboxEvent(0, { topic: narrow })]);
      const admin = quietKafka(brokers).admin();
      await admin.connect();
      await admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: 2, name: narrow, configEntries: [{ name: 'max.message.bytes', value: '1500' }] }],
      });
      await admin.disconnect();
      const batch = batchOf(1, [
        ...events(10),
        ...[20, 21].map((i) => outboxEvent(i, { topic: narrow, payload: Buffer.alloc(900) })),
      ]);
      const error = await failure(session.publish(batch, PATIENT));
      expect(error.code).toBe('EVENT_TOO_LARGE');
      expect(error.details['eventIds']).toEqual(['20', '21']);
      await session.discard();
      const next = await sink.takeOver();
      expect(await next.readLedger()).toBeNull();
      expect((await contents(brokers, topic, 2_000)).committed).toHaveLength(0);
    });

    it('a time that the topic does not take is a refusal of the event', async () => {
      const strict = await createTopic(brokers, 1, { 'message.timestamp.before.max.ms': '1000' });
      const session = await sink.takeOver();
      const old = outboxEvent(5, { topic: strict, createdAt: '2020-01-01T00:00:00.000Z' });
      const error = await failure(session.publish(batchOf(1, [old]), PATIENT));
      expect(error.code).toBe('EVENT_REFUSED');
      expect(error.details['eventIds']).toEqual(['5']);
    });

    it('a missing topic blocks only itself, in preflight and in publish', async () => {
      const missing = `missing-${randomUUID()}`;
      const session = await sink.takeOver();
      const mixed = [...events(2), outboxEvent(9, { topic: missing })];
      const found = await session.preflight(mixed);
      expect(found.unsendable).toEqual([]);
      expect(found.blockedTopics.map(({ topic: name, code }) => [name, code])).toEqual([
        [missing, 'KAFKA_TOPIC_MISSING'],
      ]);
      const error = await failure(session.publish(batchOf(1, mixed), PATIENT));
      expect([error.code, error.details['topic']]).toEqual(['KAFKA_TOPIC_MISSING', missing]);
      expect((await contents(brokers, topic)).committed).toEqual([]);
    });

    it('a topic deleted behind our back is missing, not a mystery', async () => {
      const session = await sink.takeOver();
      await session.publish(batchOf(1, events(3)), PATIENT);
      const admin = quietKafka(brokers).admin();
      await admin.connect();
      await admin.deleteTopics({ topics: [topic] });
      await admin.disconnect();
      const error = await failure(session.publish(batchOf(2, events(3)), PATIENT));
      expect([error.code, error.details['topic']]).toEqual(['KAFKA_TOPIC_MISSING', topic]);
    });

    it('topics outside the allow-list, internal ones and the ledger are never allowed', async () => {
      const strict = testSink(brokers, { topics: { isAllowed: (name) => name !== topic, create: null } });
      const session = await strict.takeOver();
      const topics = [topic, '__consumer_offsets', 'outbox-ledger'];
      const found = await session.preflight(topics.map((name, i) => outboxEvent(i, { topic: name })));
      expect(found.blockedTopics.map(({ topic: name, code }) => [name, code])).toEqual(
        topics.map((name) => [name, 'KAFKA_TOPIC_NOT_ALLOWED']),
      );
      await strict.close();
    });

    it('creates topics on demand only when told to', async () => {
      const creating = testSink(brokers, {
        topics: { isAllowed: () => true, create: { partitions: 3, replicationFactor: null } },
      });
      const wanted = `wanted-${randomUUID()}`;
      const session = await creating.takeOver();
      const event = outboxEvent(1, { topic: wanted });
      expect((await session.preflight([event])).blockedTopics).toEqual([]);
      await session.publish(batchOf(1, [event]), PATIENT);
      expect((await contents(brokers, wanted)).committed).toHaveLength(1);
      await creating.close();
    });

    it('a name that Kafka does not take is a missing topic', async () => {
      const session = await sink.takeOver();
      const found = await session.preflight([outboxEvent(1, { topic: 'no spaces, please' })]);
      expect(found.blockedTopics[0]?.code).toBe('KAFKA_TOPIC_MISSING');
    });
  });

  describe('a session', () => {
    it('does nothing after a failure, and discarding twice is harmless', async () => {
      const session = await sink.takeOver();
      const slow = { deadlineMs: 200, beforeCommit: () => new Promise<void>(() => undefined) };
      const error = await failure(session.publish(batchOf(1, events(5)), slow));
      expect(error.code).toBe('KAFKA_INDEFINITE');
      expect((await failure(session.publish(batchOf(1, events(5)), PATIENT))).code).toBe('INTERNAL');
      expect((await failure(session.readLedger())).code).toBe('INTERNAL');
      await session.discard();
      await session.discard();
      const next = await sink.takeOver();
      expect(await next.readLedger()).toBeNull();
      expect((await contents(brokers, topic, 2_000)).aborted).toHaveLength(5);
    });

    it('that is discarded in the middle of its transaction never commits', async () => {
      const session = await sink.takeOver();
      const beforeCommit = (): Promise<void> => session.discard();
      expect((await failure(session.publish(batchOf(1, events(5)), { ...PATIENT, beforeCommit }))).code).toBe(
        'KAFKA_INDEFINITE',
      );
      const next = await sink.takeOver();
      expect(await next.readLedger()).toBeNull();
    });

    it('must take over first', async () => {
      const session = sink.open(REF);
      expect((await failure(session.publish(batchOf(1, events(1)), PATIENT))).code).toBe('INTERNAL');
      await session.discard();
    });

    it('publishes one transaction after the other without a pause', async () => {
      const session = await sink.takeOver();
      for (let seq = 1; seq <= 100; seq += 1) await session.publish(batchOf(seq, events(2)), PATIENT);
      expect((await contents(brokers, topic)).committed).toHaveLength(200);
      expect((await session.readLedger())?.seq).toBe(100);
    });

    it('of an empty batch still writes the ledger', async () => {
      const session = await sink.takeOver();
      await session.publish(batchOf(1, []), PATIENT);
      expect((await session.readLedger())?.seq).toBe(1);
    });
  });

  it('answers whether Kafka can be reached, and refuses work after close', async () => {
    expect(await sink.reachable(3_000)).toBe(true);
    await sink.close();
    expect(await sink.reachable(500)).toBe(false);
    const nobody = testSink(['127.0.0.1:1'], { connectionTimeoutMs: 300 });
    expect(await nobody.reachable(1_000)).toBe(false);
    expect((await failure(nobody.takeOver())).code).toBe('KAFKA_UNAVAILABLE');
    expect((await failure(nobody.open(REF).preflight(events(1)))).code).toBe('KAFKA_UNAVAILABLE');
    await nobody.close();
  });
});
