import { randomUUID } from 'node:crypto';
import { withAdmin } from '../../../faults/harness/topics';
import type { RelayKafka } from '../../../src/kafka/relay-kafka';
import { createTopic, quietKafka } from '../../support/kafka';
import { failure } from '../../support/kafka-bare';
import {
  barrierOf,
  openRelay,
  readAll,
  relayBatch,
  relayKafka,
  relayKafkaWithLedger,
  RELAYS,
  result,
  tenantsEvents,
} from '../../support/relay-kafka';
import { testServers } from '../../support/stack';
import { createLedTopics } from '../../../src/kafka/create-topics';

describe('the ledger’s topic', () => {
  const brokers = testServers().kafkaBrokers;
  let kafka: RelayKafka;

  beforeEach(() => {
    kafka = relayKafka(brokers);
  });
  afterEach(() => kafka.close());

  it('is made once, as the protocol needs it', async () => {
    expect(await kafka.ledgerState()).toBeNull();
    const made = await kafka.ensureLedger({ partitions: RELAYS, singleBroker: true });
    expect(made).toMatchObject({ partitions: RELAYS, replicas: 1, minInSync: 1, problems: [] });
    expect(made.retentionMs).toBe(30 * 86_400_000);
    expect(await kafka.ensureLedger({ partitions: RELAYS, singleBroker: true })).toEqual(made);
    expect(await kafka.ledgerState()).toEqual(made);
  });

  it('of one broker needs to be allowed', async () => {
    const error = await failure(kafka.ensureLedger({ partitions: RELAYS }));
    expect([error.code, error.message]).toEqual(['CONFIG_INVALID', expect.stringContaining('3 brokers')]);
    await kafka.ensureLedger({ partitions: RELAYS, singleBroker: true });
    const later = await failure(kafka.ensureLedger({ partitions: RELAYS }));
    expect([later.code, later.message]).toEqual(['CONFIG_INVALID', expect.stringContaining('1 replicas')]);
  });

  it('that was made otherwise is refused with each remedy, and not changed', async () => {
    const configEntries = [
      { name: 'cleanup.policy', value: 'compact' },
      { name: 'retention.ms', value: '3600000' },
    ];
    await withAdmin(brokers.join(), (admin) =>
      createLedTopics(admin, [{ topic: kafka.ledgerTopic, numPartitions: 2, configEntries }]),
    );
    const error = await failure(kafka.ensureLedger({ partitions: RELAYS, singleBroker: true }));
    for (const remedy of ['cleanup.policy=delete', 'Run "migrate up"', 'Set retention.ms to 2592000000']) {
      expect(error.message).toContain(remedy);
    }
    expect(await kafka.ledgerState()).toMatchObject({ partitions: 2, retentionMs: 3_600_000 });
  });

  it('that is missing is no fault of any event', async () => {
    const producer = kafka.open(0);
    await producer.initialise(20_000);
    const error = await failure(producer.writeBarrier(barrierOf(1)));
    expect([error.code, error.details['ledger']]).toEqual(['KAFKA_UNAVAILABLE', true]);
    expect(error.message).toContain('migrate up');
  });

  it('is closed to tenants, as is that of any other installation', async () => {
    const names = [kafka.ledgerTopic, 'outbox-ledger', `outbox-ledger.${randomUUID()}`, '__consumer_offsets'];
    const events = names.flatMap((topic) => tenantsEvents(1, 1, { topic }));
    const { blockedTopics } = await kafka.preflight(events, undefined);
    expect(blockedTopics.map(({ topic, code }) => [topic, code])).toEqual(
      names.map((name) => [name, 'KAFKA_TOPIC_NOT_ALLOWED']),
    );
  });
});

describe('a relay’s ledger', () => {
  const brokers = testServers().kafkaBrokers;
  let kafka: RelayKafka;
  let topic: string;

  beforeEach(async () => {
    [kafka, topic] = await Promise.all([relayKafkaWithLedger(brokers), createTopic(brokers, 1)]);
  });
  afterEach(() => kafka.close());

  /** Three committed batches; their offsets. */
  const threeBatches = async (): Promise<number[]> => {
    const { producer } = await openRelay(kafka, 1);
    const offsets: number[] = [];
    for (let seq = 1; seq <= 3; seq += 1) {
      const batch = relayBatch(seq, tenantsEvents(1, 2, { topic }));
      offsets.push((await result('committed', producer.transact(batch))).ledgerOffset);
    }
    return offsets;
  };

  it('whose start was deleted is not believed from before it, and is from there on', async () => {
    const offsets = await threeBatches();
    const [first = 0, second = 0] = offsets;
    await withAdmin(brokers.join(), async (admin) => {
      // kafkajs deletes only in topics that it has met.
      await admin.fetchTopicOffsets(kafka.ledgerTopic);
      const partitions = [{ partition: 1, offset: String(second) }];
      await admin.deleteTopicRecords({ topic: kafka.ledgerTopic, partitions });
    });
    const one = await openRelay(kafka, 1, 2);
    const error = await failure(readAll(one.producer, first, one.barrier));
    expect([error.code, error.details]).toMatchObject([
      'LEDGER_MISMATCH',
      { kind: 'log-start', from: first, logStart: second, partition: 1 },
    ]);
    const two = await openRelay(kafka, 1, 3);
    const kept = await readAll(two.producer, second, two.barrier);
    expect(kept.map(({ offset }) => offset)).toEqual([...offsets.slice(1), one.barrier, two.barrier]);
    const three = await openRelay(kafka, 1, 4);
    const starts: number[] = [];
    await three.producer.readLedger(-1, three.barrier, (_, logStart) => Promise.resolve(void starts.push(logStart)));
    expect(starts).toEqual([second]);
  });

  it('that ends before what was settled has lost something', async () => {
    const { producer, barrier } = await openRelay(kafka, 1);
    const error = await failure(readAll(producer, barrier + 100, barrier));
    expect([error.code, error.details['kind']]).toEqual(['LEDGER_MISMATCH', 'log-end']);
  });

  it('is waited for while its end cannot be read yet, and that is no mismatch', async () => {
    const hasty = relayKafka(brokers, { requestTimeoutMs: 800 });
    await hasty.ensureLedger({ partitions: RELAYS, singleBroker: true });
    const { producer, barrier } = await openRelay(hasty, 1);
    const error = await failure(readAll(producer, barrier, barrier + 100));
    expect(error.code).toBe('KAFKA_TIMEOUT');
    hasty.close();
  });

  it('with a record of somebody else is not believed', async () => {
    const [first = 0] = await threeBatches();
    const stranger = quietKafka(brokers).producer();
    await stranger.connect();
    const messages = [{ partition: 1, value: Buffer.from('settled: everything') }];
    await stranger.send({ topic: kafka.ledgerTopic, messages });
    await stranger.disconnect();
    const { producer, barrier } = await openRelay(kafka, 1, 2);
    const seen: number[] = [];
    const error = await failure(
      producer.readLedger(first, barrier, (records) =>
        Promise.resolve(void seen.push(...records.map((r) => r.offset))),
      ),
    );
    expect([error.code, error.details['kind']]).toEqual(['LEDGER_MISMATCH', 'forged']);
    expect(seen).toEqual([]);
  });

  it('hands on what its reader rejects with, and is dead then', async () => {
    const [first = 0] = await threeBatches();
    const { producer, barrier } = await openRelay(kafka, 1, 2);
    const own = new Error('Postgres went away');
    await expect(producer.readLedger(first, barrier, () => Promise.reject(own))).rejects.toBe(own);
    expect(producer.isAlive).toBe(false);
  });

  it('comes in chunks, in order', async () => {
    const { producer } = await openRelay(kafka, 2);
    for (let seq = 1; seq <= 1_100; seq += 1) {
      await result('committed', producer.transact(relayBatch(seq, tenantsEvents(1, 1, { topic }))));
    }
    const next = await openRelay(kafka, 2, 2);
    const sizes: number[] = [];
    const seqs: number[] = [];
    await next.producer.readLedger(-1, next.barrier, (records) => {
      sizes.push(records.length);
      seqs.push(...records.flatMap(({ record }) => (record.kind === 'batch' ? record.seq : [])));
      return Promise.resolve();
    });
    expect(sizes).toEqual([500, 500, 102]);
    expect(seqs).toEqual(Array.from({ length: 1_100 }, (_, i) => i + 1));
  });
});
