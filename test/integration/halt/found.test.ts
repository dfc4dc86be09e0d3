import { randomUUID } from 'node:crypto';
import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import { countByStatus } from '../../../src/postgres/events';
import { readInstallId } from '../../../src/postgres/tenants';
import { createKafkaSink } from '../../../src/sinks/kafka';
import { createDrainRig, readTopic } from '../../support/drain';
import type { DrainRig } from '../../support/drain';
import { testServers } from '../../support/stack';
import { REF, TABLES, haltActs } from './acts';

/** What is not found in Kafka counts as not published: so it must be sure that nothing is hidden, gone or of somebody else. */
describe('what an adoption finds in Kafka', () => {
  let rig: DrainRig;
  beforeEach(async () => {
    rig = await createDrainRig('acme', 'globex');
  });
  afterEach(() => rig.close());
  const { decide, drain, halts, backup, restore, writeLedger, dropMessages, restoreOlderCopy } = haltActs(() => rig);

  it('refuses to adopt what Kafka may have dropped, and adopts it while an older message of the publisher is still there', async () => {
    const { first } = await restoreOlderCopy();
    const older = new Map<number, number>();
    for (const { partition, offset, eventId } of await readTopic(rig.topic, 265)) {
      if (first.includes(eventId)) older.set(partition, Math.max(older.get(partition) ?? 0, Number(offset)));
    }
    await dropMessages((partition) => older.get(partition) ?? 0);
    expect(await decide('adopt')).toMatchObject({ done: true, explanation: expect.stringContaining('250 ') as string });
    await rig.db.pool.query(`drop table ${TABLES.map((table) => `copy_${table}`).join(', ')}`);

    await rig.store('acme', 50);
    await backup();
    await drain();
    await restore();
    await dropMessages((_, high) => high - 2);
    const refused = await decide('adopt');
    expect(refused).toEqual({ done: false, explanation: expect.stringMatching(/has dropped.*resend/) as string });
    expect(await countByStatus(rig.db.pool, 'acme')).toMatchObject({ pending: 50 });
    await halts('ledger');
  });

  it('adopts no message of another publisher in the same topic, also under the same ids', async () => {
    const [id = ''] = await rig.store('globex', 1, () => ({ dedupeKey: 'the same' }));
    await rig.drain(rig.worker('w'), { publisher: { ...REF, tenant: 'globex' } });
    await rig.db.pool.query(
      `update outbox.events set tenant_id = 'acme', status = 'pending', published_at = null, batch_id = null,
         topic_partition = null, topic_offset = null where event_id = $1`,
      [id],
    );
    await writeLedger(3, randomUUID());
    expect(await decide('adopt')).toMatchObject({ done: true });
    expect(await countByStatus(rig.db.pool, 'acme')).toMatchObject({ pending: 1, published: 0 });
    expect(await drain()).toMatchObject({ end: 'empty', published: 1 });
  });

  it('a topic that drops messages may be adopted only while it does so by time, and begins before what is asked for', async () => {
    const kafka = new Kafka({ brokers: testServers().kafkaBrokers, logLevel: logLevel.NOTHING });
    const [admin, producer] = [kafka.admin(), kafka.producer()];
    await Promise.all([admin.connect(), producer.connect()]);
    try {
      const old = { key: 'of others', value: 'x', timestamp: String(Date.now() - 7_200_000) };
      const partitions = [0, 1, 2];
      const messages = partitions.flatMap((partition) => [0, 1].map(() => ({ ...old, partition })));
      await producer.send({ topic: rig.topic, messages });
      await dropMessages(() => 1);
      await rig.store('acme', 20);
      await backup();
      await drain();
      await restore();
      const policy = async (name: string, value: string): Promise<void> => {
        const configEntries = [{ name, value }];
        const topic = { type: ConfigResourceTypes.TOPIC, name: rig.topic, configEntries };
        await admin.alterConfigs({ validateOnly: false, resources: [topic] });
      };
      for (const [name, value, why] of [
        ['cleanup.policy', 'compact', 'is compacted'],
        ['retention.bytes', '1000000000', 'has dropped'],
      ] as const) {
        await policy(name, value);
        expect(await decide('adopt')).toEqual({ done: false, explanation: expect.stringContaining(why) as string });
      }
      await policy('retention.bytes', '-1');
      expect(await decide('adopt')).toMatchObject({
        done: true,
        explanation: expect.stringContaining('20 ') as string,
      });
    } finally {
      await Promise.all([admin.disconnect(), producer.disconnect()]);
    }
  });

  it('adopts nothing while open transactions of others hide the end of a topic', async () => {
    const ids = await rig.store('acme', 5);
    await backup();
    const kafka = new Kafka({ brokers: testServers().kafkaBrokers, logLevel: logLevel.NOTHING });
    const other = kafka.producer({ transactionalId: randomUUID(), maxInFlightRequests: 1, idempotent: true });
    await other.connect();
    const sink = createKafkaSink({
      brokers: testServers().kafkaBrokers,
      clientId: 'halt-test',
      installId: await readInstallId(rig.db.pool),
      transactionTimeoutMs: 2_000,
      requestTimeoutMs: 1_500,
      topics: { isAllowed: () => true, create: null },
      logger: { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined },
    });
    const open = await other.transaction();
    try {
      await open.send({ topic: rig.topic, messages: [0, 1, 2].map((partition) => ({ value: 'x', partition })) });
      await drain();
      await restore();
      const refused = { done: false, explanation: expect.stringContaining('Open transactions of others') as string };
      expect(await decide('adopt', sink)).toEqual(refused);
      expect(await countByStatus(rig.db.pool, 'acme')).toMatchObject({ pending: 5 });
      await open.abort();
      expect(await decide('adopt', sink)).toMatchObject({ done: true });
      expect(await countByStatus(rig.db.pool, 'acme')).toMatchObject({ pending: 0, published: ids.length });
    } finally {
      if (open.isActive()) await open.abort();
      await Promise.all([sink.close(), other.disconnect()]);
    }
  });
});
