import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FaultLog } from '../../../faults/proxy/fault-log';
import { KafkaProxy } from '../../../faults/proxy/kafka-proxy';
import { endTxnCommits } from '../../../faults/proxy/kafka-rules';
import { startFaultStack } from '../../../faults/servers/fault-stack';
import type { FaultStack } from '../../../faults/servers/fault-stack';
import type { RelayKafka } from '../../../src/kafka/relay-kafka';
import { contents, createTopic } from '../../support/kafka';
import { failure } from '../../support/kafka-bare';
import { openRelay, readAll, relayBatch, relayKafkaWithLedger, result, tenantsEvents } from '../../support/relay-kafka';

/** Lost requests and answers, with a broker of its own behind a proxy. */
describe('a relay’s producer behind a network that fails', () => {
  const folder = mkdtempSync(join(tmpdir(), 'relay-faults-'));
  const log = new FaultLog(join(folder, 'fired.ndjson'));
  let servers: FaultStack;
  let brokers: string[];
  let proxy: KafkaProxy;
  let kafka: RelayKafka;
  let topic: string;

  beforeAll(async () => {
    servers = await startFaultStack(['kafka']);
    brokers = [servers.stack.kafkaBrokers];
    proxy = await KafkaProxy.start({ ...servers.proxiedKafka, log });
  });
  afterAll(async () => {
    await proxy.close();
    await servers.stop();
    rmSync(folder, { recursive: true });
  });
  beforeEach(async () => {
    const options = { requestTimeoutMs: 4_000, connectionTimeoutMs: 1_000, produceTimeoutMs: 500 };
    [kafka, topic] = await Promise.all([relayKafkaWithLedger([proxy.address], options), createTopic(brokers, 3)]);
  });
  afterEach(() => {
    proxy.heal();
    proxy.clear();
    kafka.close();
  });

  const batch = (seq = 1) => relayBatch(seq, tenantsEvents(2, 6, { topic }));
  /** Seqs that a take-over finds, and how many events are committed and aborted. */
  const outcome = async (fence = 2): Promise<{ seqs: number[]; committed: number; aborted: number }> => {
    const { producer, barrier } = await openRelay(kafka, 1, fence);
    const records = await readAll(producer, -1, barrier);
    const { committed, aborted } = await contents(brokers, topic);
    const seqs = records.flatMap(({ record }) => (record.kind === 'batch' ? record.seq : []));
    return { seqs, committed: committed.length, aborted: aborted.length };
  };

  it.each(['drop-answer', 'close-answer', 'cut-answer', 'drop-request', 'close-request', 'cut-request'] as const)(
    'EndTxn, %s: repeated, committed once, and the epoch is spent',
    async (kind) => {
      const { producer } = await openRelay(kafka, 1);
      const rule = proxy.add({ name: kind, api: 'EndTxn', fault: { kind }, matches: endTxnCommits() });
      const { epochSpent } = await result('committed', producer.transact(batch()));
      expect([rule.fired, epochSpent, producer.isAlive]).toEqual([1, true, false]);
      expect(await outcome()).toEqual({ seqs: [1], committed: 6, aborted: 0 });
    },
  );

  it.each(['drop-answer', 'drop-request'] as const)(
    'EndTxn, %s each time: in doubt, and only the ledger tells',
    async (kind) => {
      const { producer } = await openRelay(kafka, 1);
      const rule = { name: `all-${kind}`, api: 'EndTxn', fault: { kind }, times: Infinity } as const;
      const armed = proxy.add({ ...rule, matches: endTxnCommits() });
      expect((await failure(producer.transact(batch()))).code).toBe('KAFKA_INDEFINITE');
      expect(armed.fired).toBeGreaterThan(2);
      proxy.clear();
      const committed = kind === 'drop-answer' ? { seqs: [1], committed: 6, aborted: 0 } : null;
      expect(await outcome()).toEqual(committed ?? { seqs: [], committed: 0, aborted: 6 });
    },
  );

  it('EndTxn that comes late commits nothing of the next epoch', async () => {
    const { producer } = await openRelay(kafka, 1);
    const held = proxy.add({ name: 'late', api: 'EndTxn', fault: { kind: 'hold' }, matches: endTxnCommits() });
    const first = await result('committed', producer.transact(batch()));
    expect([held.fired, first.epochSpent]).toEqual([1, true]);
    const next = await openRelay(kafka, 1, 2);
    held.release();
    for (let seq = 2; seq <= 4; seq += 1) await result('committed', next.producer.transact(batch(seq)));
    expect(await outcome(3)).toEqual({ seqs: [1, 2, 3, 4], committed: 24, aborted: 0 });
  });

  it.each(['drop-answer', 'drop-request'] as const)(
    'Produce, %s: unanswered after its time, and it never commits',
    async (kind) => {
      const { producer } = await openRelay(kafka, 1);
      const rule = proxy.add({ name: kind, api: 'Produce', fault: { kind } });
      const { partitions } = await result('unanswered', producer.transact(batch()));
      expect([rule.fired, producer.isAlive]).toEqual([1, false]);
      expect(partitions).toContainEqual({ topic: kafka.ledgerTopic, partition: 1 });
      expect(partitions).toContainEqual(expect.objectContaining({ topic }));
      expect(await outcome()).toEqual({ seqs: [], committed: 0, aborted: kind === 'drop-answer' ? 6 : 0 });
    },
  );

  it('Produce on a connection that breaks is a doubt', async () => {
    for (const [fence, kind] of (['close-answer', 'cut-request', 'cut-answer'] as const).entries()) {
      const { producer } = await openRelay(kafka, 1, fence + 1);
      proxy.add({ name: `break-${kind}`, api: 'Produce', fault: { kind } });
      const error = await failure(producer.transact(batch()));
      expect([error.code, error.details['phase']]).toEqual(['KAFKA_INDEFINITE', 'sending']);
    }
    expect(await outcome(9)).toMatchObject({ seqs: [], committed: 0 });
  });

  it('a late Produce of an older epoch leaves nothing that is seen', async () => {
    const { producer } = await openRelay(kafka, 1);
    const held = proxy.add({ name: 'late-produce', api: 'Produce', fault: { kind: 'hold' } });
    await result('unanswered', producer.transact(batch()));
    const next = await openRelay(kafka, 1, 2);
    held.release();
    await result('committed', next.producer.transact(batch()));
    expect(await outcome(3)).toEqual({ seqs: [1], committed: 6, aborted: 0 });
  });

  it('before the first record a lost answer is a time-out, a closed connection an outage', async () => {
    for (const [kind, code] of [
      ['drop-answer', 'KAFKA_TIMEOUT'],
      ['close-request', 'KAFKA_UNAVAILABLE'],
    ] as const) {
      const { producer } = await openRelay(kafka, 1);
      proxy.add({ name: `before-${kind}`, api: 'AddPartitionsToTxn', fault: { kind } });
      const error = await failure(producer.transact(batch()));
      expect([error.code, producer.isAlive]).toEqual([code, false]);
    }
  });

  it('initialising asks again until its time is over', async () => {
    for (const kind of ['drop-answer', 'close-answer', 'close-request'] as const) {
      const rule = proxy.add({ name: `init-${kind}`, api: 'InitProducerId', fault: { kind } });
      const producer = kafka.open(1);
      await producer.initialise(20_000);
      expect(rule.fired).toBe(1);
      producer.destroy();
    }
  });

  it('a probe that cannot be answered has learned nothing', async () => {
    proxy.add({ name: 'probe', api: 'AddPartitionsToTxn', fault: { kind: 'drop-answer' }, times: Infinity });
    const topics = [{ topic, partitions: [0] }];
    expect((await failure(kafka.probe('w1', topics, 1_000))).code).toBe('KAFKA_TIMEOUT');
  });
});
