import { mkdtempSync, rmSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import type { Producer } from 'kafkajs';
import { startFaultStack } from '../../faults/servers/fault-stack';
import type { FaultStack } from '../../faults/servers/fault-stack';
import { FaultLog } from '../../faults/proxy/fault-log';
import { KafkaProxy } from '../../faults/proxy/kafka-proxy';
import { endTxnCommits } from '../../faults/proxy/kafka-rules';
import { audit } from '../../src/audit/audit';
import { acknowledgedEvent, messageOf } from '../support/audited-message';
import { createLedTopics } from '../../src/kafka/create-topics';

/** What the proxy does to a real broker's transactions, before any test relies on it. */
describe('KafkaProxy', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-proxy-'));
  const log = new FaultLog(join(folder, 'fired.ndjson'));
  let servers: FaultStack;
  let proxy: KafkaProxy;
  let topic: string;
  let producer: Producer;
  let number = 0;

  beforeAll(async () => {
    servers = await startFaultStack(['kafka']);
    proxy = await KafkaProxy.start({ ...servers.proxiedKafka, log });
  });
  afterAll(async () => {
    await proxy.close();
    await servers.stop();
    rmSync(folder, { recursive: true });
  });
  beforeEach(async () => {
    topic = `proxy-${randomUUID()}`;
    const kafka = new Kafka({
      brokers: [proxy.address],
      logLevel: logLevel.NOTHING,
      requestTimeout: 800,
      retry: { retries: 1, initialRetryTime: 50 },
    });
    const admin = kafka.admin();
    await admin.connect();
    await createLedTopics(admin, [{ topic, numPartitions: 1 }]);
    await admin.disconnect();
    producer = kafka.producer({
      transactionalId: topic,
      idempotent: true,
      maxInFlightRequests: 1,
      transactionTimeout: 4_000,
    });
    await producer.connect();
  });
  afterEach(async () => {
    proxy.clear();
    await producer.disconnect();
  });

  // kafkajs insists on one retry inside a call, so a fault must hit the retry too.
  /** Sends one event in a transaction; resolves with whether the client believes that it was committed. */
  const sendOne = async (): Promise<boolean> => {
    number += 1;
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [messageOf(acknowledgedEvent(number, { topic }))] });
    return transaction.commit().then(
      () => true,
      () => false,
    );
  };
  const visible = async (undecidedMs = 0): Promise<{ committed: number; aborted: number; undecided: number }> => {
    const { committed, aborted, findings } = await audit({
      kafka: { brokers: [servers.stack.kafkaBrokers] },
      acknowledged: [acknowledgedEvent(number, { topic })],
      undecidedMs,
    });
    return { committed, aborted, undecided: findings.undecided.count };
  };

  it('keeps clients behind itself and passes transactions on', async () => {
    const seen = proxy.add({ name: 'seen', api: 'EndTxn', fault: { kind: 'delay', ms: 1 } });
    expect(await sendOne()).toBe(true);
    expect(seen.fired).toBe(1);
    expect(await visible()).toEqual({ committed: 1, aborted: 0, undecided: 0 });
  });

  it.each(['drop-answer', 'close-answer', 'cut-answer'] as const)(
    '%s of EndTxn: committed, and the client cannot know',
    async (kind) => {
      proxy.add({ name: kind, api: 'EndTxn', fault: { kind }, matches: endTxnCommits(topic), times: Infinity });
      expect(await sendOne()).toBe(false);
      expect(await visible(2_000)).toEqual({ committed: 1, aborted: 0, undecided: 0 });
      expect(log.count(kind)).toBeGreaterThan(0);
    },
  );

  it.each(['drop-request', 'close-request', 'cut-request'] as const)(
    '%s of EndTxn: not committed, and the client cannot know',
    async (kind) => {
      proxy.add({ name: kind, api: 'EndTxn', fault: { kind } });
      expect(await sendOne()).toBe(false);
      expect(await visible()).toEqual({ committed: 0, aborted: 0, undecided: 1 });
    },
  );

  it('holds EndTxn back and delivers it long after the client left', async () => {
    const held = proxy.add({ name: 'held', api: 'EndTxn', fault: { kind: 'hold' }, times: Infinity });
    expect(await sendOne()).toBe(false);
    await producer.disconnect();
    expect((await visible()).undecided).toBe(1);
    held.release();
    await delay(200);
    expect(await visible(2_000)).toEqual({ committed: 1, aborted: 0, undecided: 0 });
  });

  it('cuts everything, and lets clients back in when healed', async () => {
    proxy.cut(true);
    expect(await sendOne().catch(() => 'failed')).not.toBe(true);
    proxy.heal();
    await producer.disconnect();
    await producer.connect();
    expect(await sendOne()).toBe(true);
  });
});
