import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startFaultStack } from '../../../../faults/servers/fault-stack';
import type { FaultStack } from '../../../../faults/servers/fault-stack';
import { FaultLog } from '../../../../faults/proxy/fault-log';
import { KafkaProxy } from '../../../../faults/proxy/kafka-proxy';
import { endTxnCommits } from '../../../../faults/proxy/kafka-rules';
import type { OutboxEvent } from '../../../../src/domain/event';
import { contents, createTopic } from '../../../support/kafka';
import { outboxEvent } from '../../../support/kafka-events';
import { batchOf, failure, PATIENT, REF, testSink } from '../../../support/kafka-sink';
import type { TestSink } from '../../../support/kafka-sink';

/** Lost requests and answers, with a broker of its own behind a proxy. */
describe('Kafka sink behind a network that fails', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-sink-faults-'));
  const log = new FaultLog(join(folder, 'fired.ndjson'));
  let servers: FaultStack;
  let brokers: string[];
  let proxy: KafkaProxy;
  let sink: TestSink;
  let topic: string;

  beforeAll(async () => {
    servers = await startFaultStack(['kafka'], {
      'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
    });
    brokers = [servers.stack.kafkaBrokers];
    proxy = await KafkaProxy.start({ ...servers.proxiedKafka, log });
  });
  afterAll(async () => {
    await proxy.close();
    await servers.stop();
    rmSync(folder, { recursive: true });
  });
  beforeEach(async () => {
    sink = testSink([proxy.address], { requestTimeoutMs: 1_000, connectionTimeoutMs: 1_000 });
    topic = await createTopic(brokers, 3);
  });
  afterEach(async () => {
    proxy.heal();
    proxy.clear();
    await sink.close();
  });

  const events = (count: number): OutboxEvent[] => Array.from({ length: count }, (_, i) => outboxEvent(i, { topic }));

  // No group coordinator exists yet: the broker's first ledger read and write create its topic.
  it('writes the first ledger of a fresh broker', async () => {
    const session = await sink.takeOver();
    expect(await session.readLedger()).toBeNull();
    const batch = batchOf(1, events(3));
    await session.publish(batch, PATIENT);
    expect(await session.readLedger()).toMatchObject({ seq: 1, batchId: batch.batchId });
  });

  it.each(['drop-answer', 'close-answer', 'cut-answer'] as const)(
    'EndTxn, %s: in doubt, and the next session finds it committed',
    async (kind) => {
      const session = await sink.takeOver();
      const rule = proxy.add({ name: kind, api: 'EndTxn', fault: { kind }, matches: endTxnCommits() });
      const batch = batchOf(1, events(6));
      expect((await failure(session.publish(batch, PATIENT))).code).toBe('KAFKA_INDEFINITE');
      expect(rule.fired).toBe(1);
      const next = await sink.takeOver();
      const entry = await next.readLedger();
      expect(entry).toMatchObject({ seq: 1, batchId: batch.batchId });
      const { committed } = await contents(brokers, topic);
      const places = await next.locate(batch, entry!);
      const read = committed.map(({ headers, offset }) => [String(headers['event-id']), offset]);
      expect(read.sort()).toEqual(batch.events.map(({ id }, i) => [id, places?.[i]?.offset]).sort());
      expect(sink.outcomes).toEqual(['indefinite']);
      expect(sink.reinits).toEqual(['KAFKA_INDEFINITE']);
    },
  );

  it.each(['drop-request', 'close-request', 'cut-request'] as const)(
    'EndTxn, %s: in doubt, and the next session finds it not committed',
    async (kind) => {
      const session = await sink.takeOver();
      const rule = proxy.add({ name: kind, api: 'EndTxn', fault: { kind }, matches: endTxnCommits() });
      expect((await failure(session.publish(batchOf(1, events(6)), PATIENT))).code).toBe('KAFKA_INDEFINITE');
      expect(rule.fired).toBe(1);
      const next = await sink.takeOver();
      expect(await next.readLedger()).toBeNull();
      const batch = batchOf(1, events(6));
      await next.publish(batch, PATIENT);
      const { committed, aborted } = await contents(brokers, topic);
      expect([committed.length, aborted.length]).toEqual([6, 6]);
    },
  );

  it('an EndTxn that arrives after the next session took over commits nothing', async () => {
    const session = await sink.takeOver();
    const held = proxy.add({ name: 'late', api: 'EndTxn', fault: { kind: 'hold' }, matches: endTxnCommits() });
    expect((await failure(session.publish(batchOf(1, events(4)), PATIENT))).code).toBe('KAFKA_INDEFINITE');
    const next = await sink.takeOver();
    expect(await next.readLedger()).toBeNull();
    const beforeCommit = async (): Promise<void> => {
      held.release();
      await delay(300);
    };
    await next.publish(batchOf(1, events(2)), { ...PATIENT, beforeCommit });
    expect(held.fired).toBe(1);
    const { committed, aborted } = await contents(brokers, topic);
    expect([committed.length, aborted.length]).toEqual([2, 4]);
  });

  it.each(['Produce', 'TxnOffsetCommit'] as const)(
    '%s without an answer is a doubt; nothing is visible',
    async (api) => {
      for (const kind of ['drop-answer', 'close-answer', 'drop-request'] as const) {
        const session = await sink.takeOver();
        const rule = proxy.add({ name: `${api}-${kind}`, api, fault: { kind } });
        expect((await failure(session.publish(batchOf(1, events(4)), PATIENT))).code).toBe('KAFKA_INDEFINITE');
        expect(rule.fired).toBe(1);
        await session.discard();
      }
      const next = await sink.takeOver();
      expect(await next.readLedger()).toBeNull();
      expect((await contents(brokers, topic)).committed).toEqual([]);
    },
  );

  it('a time-out before the first record is a time-out, a closed connection is an outage', async () => {
    for (const [kind, code] of [
      ['drop-answer', 'KAFKA_TIMEOUT'],
      ['close-request', 'KAFKA_UNAVAILABLE'],
    ] as const) {
      const session = await sink.takeOver();
      proxy.add({ name: `before-${kind}`, api: 'AddPartitionsToTxn', fault: { kind } });
      expect((await failure(session.publish(batchOf(1, events(4)), PATIENT))).code).toBe(code);
    }
    expect(sink.outcomes).toEqual(['aborted', 'aborted']);
  });

  it('the deadline ends a publish whatever it waits for, and no commit follows it', async () => {
    const session = await sink.takeOver();
    proxy.add({ name: 'slow', api: 'TxnOffsetCommit', fault: { kind: 'delay', ms: 400 } });
    const started = Date.now();
    const error = await failure(session.publish(batchOf(1, events(4)), { deadlineMs: 300 }));
    expect(error.code).toBe('KAFKA_INDEFINITE');
    expect(Date.now() - started).toBeLessThan(600);
    await delay(600);
    const next = await sink.takeOver();
    expect(await next.readLedger()).toBeNull();
  });

  it('the coordinator’s own time-out shows as fenced', async () => {
    const hasty = testSink([proxy.address], { transactionTimeoutMs: 1_000, requestTimeoutMs: 900 });
    const session = await hasty.takeOver();
    const beforeCommit = (): Promise<void> => delay(2_500);
    expect((await failure(session.publish(batchOf(1, events(2)), { ...PATIENT, beforeCommit }))).code).toBe(
      'KAFKA_FENCED',
    );
    await hasty.close();
  });

  it('a take-over whose answer is lost leaves the next one to succeed', async () => {
    proxy.add({ name: 'init', api: 'InitProducerId', fault: { kind: 'drop-answer' } });
    const session = sink.open(REF);
    expect((await failure(session.takeOver())).code).toBe('KAFKA_TIMEOUT');
    await session.discard();
    const next = await sink.takeOver();
    await next.publish(batchOf(1, events(1)), PATIENT);
  });

  it('an outage is an outage everywhere and condemns nothing, and is over when it is over', async () => {
    const session = await sink.takeOver();
    proxy.cut(true);
    expect(await sink.reachable(2_000)).toBe(false);
    expect((await failure(session.preflight(events(2)))).code).toBe('KAFKA_UNAVAILABLE');
    expect((await failure(session.publish(batchOf(1, events(2)), PATIENT))).code).toBe('KAFKA_UNAVAILABLE');
    expect((await failure(sink.takeOver())).code).toBe('KAFKA_UNAVAILABLE');
    proxy.heal();
    const next = await sink.takeOver();
    expect(await next.preflight(events(2))).toEqual({ unsendable: [], blockedTopics: [] });
    await next.publish(batchOf(1, events(2)), PATIENT);
  });

  it('a session whose idle connection was closed publishes on', async () => {
    const session = await sink.takeOver();
    await session.publish(batchOf(1, events(2)), PATIENT);
    proxy.cut();
    await delay(50);
    await session.publish(batchOf(2, events(2)), PATIENT);
    expect((await session.readLedger())?.seq).toBe(2);
  });

  // Last, because the broker restarts under everything above.
  it('survives a restart of the broker between batches', async () => {
    const session = await sink.takeOver();
    await session.publish(batchOf(1, events(3)), PATIENT);
    await servers.stack.restart('kafka');
    const batch = batchOf(2, events(3));
    const outcome = await session.publish(batch, PATIENT).then(
      () => 'committed',
      (error: { code: string }) => error.code,
    );
    const next = await sink.takeOver();
    const entry = await next.readLedger();
    expect(entry?.seq).toBe(outcome === 'committed' ? 2 : 1);
    await next.publish(batchOf((entry?.seq ?? 0) + 1, events(3)), PATIENT);
    expect((await contents(brokers, topic)).committed).toHaveLength(outcome === 'committed' ? 9 : 6);
  });
});
