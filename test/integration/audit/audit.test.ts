import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import type { Producer } from 'kafkajs';
import { audit } from '../../../src/audit/audit';
import type { Acknowledged } from '../../../src/audit/acknowledged';
import { acknowledgedEvent, messageOf } from '../../support/audited-message';
import { testServers } from '../../support/stack';
import { createLedTopics } from '../../../src/kafka/create-topics';

/** The auditor against real logs of Kafka: what kafkajs' own group consumer cannot tell must be told here. */
describe('audit', () => {
  const brokers = testServers().kafkaBrokers;
  const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING });
  let producer: Producer;
  let topic: string;

  beforeAll(async () => {
    producer = kafka.producer({ transactionalId: `audit-${randomUUID()}`, idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
  });
  afterAll(() => producer.disconnect());
  beforeEach(async () => {
    topic = `audit-${randomUUID()}`;
    const admin = kafka.admin();
    await admin.connect();
    await createLedTopics(admin, [{ topic, numPartitions: 2 }]);
    await admin.disconnect();
  });

  const event = (number: number, changes: Partial<Acknowledged> = {}): Acknowledged =>
    acknowledgedEvent(number, { topic, ...changes });
  const send = async (
    events: readonly Acknowledged[],
    end: 'commit' | 'abort' | 'leave' = 'commit',
  ): Promise<() => Promise<void>> => {
    const transaction = await producer.transaction();
    const messages = events.map((each) => ({ ...messageOf(each), partition: 0 }));
    await transaction.send({ topic, messages });
    if (end === 'commit') await transaction.commit();
    if (end === 'abort') await transaction.abort();
    return () => transaction.abort();
  };
  const check = (events: readonly Acknowledged[], more: object = {}) =>
    audit({ kafka: { brokers }, acknowledged: events, ...more });

  it('is clean when everything arrived once, and says what was aborted', async () => {
    const events = [1, 2, 3, 4].map((number) => event(number));
    await send(events.slice(0, 2), 'abort');
    await send(events);
    const report = await check(events, { minAborted: 2 });
    expect(report).toMatchObject({ clean: true, acknowledged: 4, seen: 4, committed: 4, aborted: 2, unmet: [] });
    expect(report.elapsedMs).toBeLessThan(3_000);
  });

  it('ends at once where only aborted records and markers follow', async () => {
    const events = [event(1)];
    await send(events);
    await send([event(2), event(3)], 'abort');
    expect(await check(events)).toMatchObject({ clean: true, seen: 1, aborted: 2 });
  });

  it('finds missing, double and unacknowledged events', async () => {
    await send([event(1), event(1), event(3)]);
    const report = await check([event(1), event(2)]);
    expect(report.clean).toBe(false);
    expect(report.findings).toMatchObject({
      missing: { count: 1 },
      duplicates: { count: 1 },
      unexpected: { count: 1 },
    });
    expect(report.findings.missing.examples[0]).toContain('event 2');
  });

  it('reports a transaction that was left open, and what lies behind it', async () => {
    await send([event(1)]);
    const abort = await send([event(2)], 'leave');
    const report = await check([event(1)], { undecidedMs: 300 });
    await abort();
    expect(report.clean).toBe(false);
    expect(report.findings.undecided.examples).toEqual([`${topic}/0: stable up to 2, written up to 3`]);
    expect(await check([event(1)])).toMatchObject({ clean: true, aborted: 1 });
  });

  it('waits for what is still to come, if asked', async () => {
    const running = check([event(1)], { waitMs: 10_000 });
    await send([event(1)]);
    expect(await running).toMatchObject({ clean: true, seen: 1 });
  });

  it('finds the events of a topic that does not exist missing', async () => {
    const report = await check([event(1, { topic: `${topic}-nowhere` })]);
    expect(report.findings.missing.count).toBe(1);
  });

  it('fails a run in which too little happened', async () => {
    await send([event(1)]);
    const report = await check([event(1)], {
      minEvents: 2,
      minAborted: 1,
      requireFired: { files: [], names: ['mid_send'] },
    });
    expect(report.clean).toBe(false);
    expect(report.unmet).toHaveLength(3);
    expect(report.fired).toEqual({ mid_send: 0 });
  });

  it('says that Kafka cannot be reached', async () => {
    await expect(audit({ kafka: { brokers: ['127.0.0.1:1'] }, acknowledged: [event(1)] })).rejects.toMatchObject({
      code: 'KAFKA_UNAVAILABLE',
    });
  });

  it('reads thousands of events in seconds, across many fetches', async () => {
    const events = Array.from({ length: 6_000 }, (_, index) => event(index + 1, { key: `key-${index % 20}` }));
    for (let start = 0; start < events.length; start += 500) await send(events.slice(start, start + 500), 'commit');
    const report = await check(events);
    expect(report).toMatchObject({ clean: true, seen: 6_000 });
    expect(report.elapsedMs).toBeLessThan(3_000);
  });
});
