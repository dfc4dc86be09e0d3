import { randomUUID } from 'node:crypto';
import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import { SessionCache } from '../../../src/activities/drain/session-cache';
import { recordBatch, unsettledBatches } from '../../../src/postgres/batches';
import { settleBatch } from '../../../src/postgres/settle';
import { countByStatus, getEvent } from '../../../src/postgres/events';
import { readPublisher, takeOver } from '../../../src/postgres/publishers';
import { eventsByIds } from '../../../src/postgres/claims';
import { ledgerGroup } from '../../../src/domain/publisher';
import { readInstallId } from '../../../src/postgres/tenants';
import type { LedgerEntry, Sink, SinkSession } from '../../../src/sinks/sink';
import { createDrainRig, readTopic } from '../../support/drain';
import { misreading } from '../../support/misreading-sink';
import type { Readings } from '../../support/misreading-sink';
import type { DrainRig } from '../../support/drain';
import { testServers } from '../../support/stack';

const REF = { tenant: 'acme', destination: 'kafka', shard: 0 };

describe('drain', () => {
  let rig: DrainRig;
  beforeEach(async () => {
    rig = await createDrainRig('acme', 'globex');
  });
  afterEach(() => rig.close());

  it('publishes a backlog in several transactions, in order per key, and records where each event went', async () => {
    const ids = await rig.store('acme', 1_000);
    const outcome = await rig.drain(rig.worker('w1'));
    expect(outcome).toMatchObject({ end: 'empty', published: 1_000, recorded: 1_000, parked: 0, failure: null });
    expect(outcome.batches).toBeGreaterThanOrEqual(10);

    const seen = await readTopic(rig.topic, 1_000);
    expect(seen.map((message) => message.eventId).sort()).toEqual([...ids].sort());
    for (let key = 0; key < 5; key += 1) {
      const order = seen
        .filter((message) => message.key === `acme:key-${key}`)
        .map((message) => Number(message.eventId));
      expect(order).toEqual([...order].sort((a, b) => a - b));
    }
    const sample = seen[123];
    expect(await getEvent(rig.db.pool, 'acme', sample?.eventId ?? '')).toMatchObject({
      status: 'published',
      partition: sample?.partition,
      offset: sample?.offset,
    });
    expect(await readPublisher(rig.db.pool, REF)).toMatchObject({
      state: 'sleeping',
      recorded: outcome.batches,
      settled: outcome.batches,
    });
  });

  it('never records more than its grant, also when its first attempt was lost', async () => {
    await rig.store('acme', 50);
    const worker = rig.worker('w1');
    const grantId = randomUUID();
    expect(await rig.drain(worker, { events: 20, grantId })).toMatchObject({ end: 'granted', recorded: 20 });
    expect(await rig.drain(worker, { events: 20, grantId }, false)).toMatchObject({
      end: 'granted',
      recorded: 20,
      // What the lost attempt published is told by the one whose result arrives.
      published: 20,
    });
    expect((await countByStatus(rig.db.pool, 'acme')).published).toBe(20);
  });

  it('sends a recorded batch that Kafka never got again, under its own id', async () => {
    const ids = await rig.store('acme', 7);
    const row = await takeOver(rig.db.pool, REF, 'dead worker');
    const batchId = randomUUID();
    await recordBatch(rig.db.pool, {
      ref: REF,
      fence: row.fence,
      seq: 1,
      revision: row.revision,
      batchId,
      grantId: 'g',
      eventIds: ids,
      bytes: 1,
    });
    expect(await rig.drain(rig.worker('w2'))).toMatchObject({ end: 'empty', published: 7 });
    const seen = await readTopic(rig.topic, 7);
    expect(seen).toHaveLength(7);
    expect(new Set(seen.map((message) => message.producerId))).toEqual(new Set([`publisher:acme@${batchId}`]));
  });

  it('settles a batch that Kafka committed but nobody settled, without sending it again', async () => {
    const ids = await rig.store('acme', 9);
    const row = await takeOver(rig.db.pool, REF, 'dead worker');
    const batchId = randomUUID();
    const session = rig.sink.open(REF);
    await session.takeOver();
    await recordBatch(rig.db.pool, {
      ref: REF,
      fence: row.fence,
      seq: 1,
      revision: row.revision,
      batchId,
      grantId: 'g',
      eventIds: ids,
      bytes: 1,
    });
    const places = await session.publish(
      { batchId, seq: 1, events: await eventsByIds(rig.db.pool, 'acme', ids) },
      { deadlineMs: 8_000 },
    );
    await session.discard();

    expect(await rig.drain(rig.worker('w2'))).toMatchObject({ end: 'empty', published: 9, batches: 0 });
    expect(await readTopic(rig.topic, 9)).toHaveLength(9);
    expect(await getEvent(rig.db.pool, 'acme', ids[4] ?? '')).toMatchObject({
      status: 'published',
      partition: places[4]?.partition,
      offset: places[4]?.offset,
    });
  });

  it('judges a missing ledger by a clock read after it, though it was frozen before it read', async () => {
    const ids = await rig.store('acme', 4);
    const row = await takeOver(rig.db.pool, REF, 'dead worker');
    const batch = { batchId: randomUUID(), seq: 1 };
    const session = rig.sink.open(REF);
    await session.takeOver();
    const { fence, revision } = row;
    await recordBatch(rig.db.pool, { ref: REF, fence, revision, ...batch, grantId: 'g', eventIds: ids, bytes: 1 });
    const events = await eventsByIds(rig.db.pool, 'acme', ids);
    await session.publish({ ...batch, events }, { deadlineMs: 8_000 });
    await session.discard();

    const group = ledgerGroup(await readInstallId(rig.db.pool), REF);
    // A broker that keeps offsets for two seconds, and a drain that is frozen for longer between its fence and its read.
    let deleted = false;
    const sink = reading(rig.sink, 2_000, async () => {
      if (deleted) return;
      deleted = true;
      await new Promise((resolve) => setTimeout(resolve, 2_100));
      const admin = new Kafka({ brokers: testServers().kafkaBrokers, logLevel: logLevel.NOTHING }).admin();
      await admin.connect();
      await admin.deleteGroups([group]);
      await admin.disconnect();
    });
    const outcome = await rig.drain(rig.worker('w2', { sink, sessions: new SessionCache(sink, 8) }));
    expect(outcome).toMatchObject({ end: 'halted', published: 0, failure: { code: 'LEDGER_MISMATCH' } });
    expect(await readTopic(rig.topic, 4)).toHaveLength(4);
  });

  it('tells how many producers are alive: those of running drains, and idle ones up to the cap', async () => {
    const alive: number[] = [];
    const sessions = new SessionCache(rig.sink, 1, (count) => alive.push(count));
    const worker = rig.worker('w1', { sessions });
    await rig.store('acme', 1);
    await rig.store('globex', 1);
    const both = ['acme', 'globex'].map((tenant) => rig.drain(worker, { publisher: { ...REF, tenant } }));
    expect((await Promise.all(both)).map(({ published }) => published)).toEqual([1, 1]);
    expect(Math.max(...alive)).toBe(2);
    expect(alive.at(-1)).toBe(1);
    await sessions.close();
    expect(alive.at(-1)).toBe(0);
  });

  it('a fenced drain can write nothing: not record, not settle', async () => {
    const ids = await rig.store('acme', 3);
    const old = await takeOver(rig.db.pool, REF, 'zombie');
    const batchId = randomUUID();
    const batch = {
      ref: REF,
      fence: old.fence,
      seq: 1,
      revision: old.revision,
      batchId,
      grantId: 'g',
      eventIds: ids,
      bytes: 1,
    };
    await recordBatch(rig.db.pool, batch);
    expect(await rig.drain(rig.worker('w2'))).toMatchObject({ published: 3 });
    await expect(
      settleBatch(rig.db.pool, { ref: REF, fence: old.fence, seq: 1, batchId, placements: null }),
    ).rejects.toMatchObject({ code: 'FENCED' });
    await expect(recordBatch(rig.db.pool, { ...batch, seq: 2 })).rejects.toMatchObject({ code: 'FENCED' });
    expect(await unsettledBatches(rig.db.pool, REF)).toEqual([]);
  });

  it('two drains of one publisher at the same time publish every event once', async () => {
    const ids = await rig.store('acme', 2_000);
    const [a, b] = [rig.worker('w1'), rig.worker('w2')];
    for (let round = 0; round < 6; round += 1) {
      await Promise.all([rig.drain(a, { maxMs: 2_000 }), rig.drain(b, { maxMs: 2_000 })]);
    }
    await rig.drain(a);
    expect((await countByStatus(rig.db.pool, 'acme')).published).toBe(2_000);
    const seen = await readTopic(rig.topic, 2_000);
    expect(seen.map((message) => message.eventId).sort()).toEqual([...ids].sort());
  });

  it('reuses a clean session, and takes over again when another worker drained in between', async () => {
    const [a, b] = [rig.worker('w1'), rig.worker('w2')];
    const fenceOf = async (): Promise<number> => Number((await readPublisher(rig.db.pool, REF))?.fence.split('@')[0]);
    await rig.store('acme', 3);
    await rig.drain(a);
    const first = await fenceOf();
    await rig.store('acme', 3);
    await rig.drain(a);
    expect(await fenceOf()).toBe(first);
    await rig.store('acme', 3);
    await rig.drain(b);
    await rig.store('acme', 3);
    await rig.drain(a);
    expect(await fenceOf()).toBe(first + 2);
    expect(await readTopic(rig.topic, 12)).toHaveLength(12);
  });

  it('parks an event that is too large for its topic, with code and reason, and publishes the others', async () => {
    const [small, large, last] = await rig.store('acme', 3, (index) =>
      index === 1 ? { payload: Buffer.alloc(500_000, 'x') } : {},
    );
    const admin = new Kafka({ brokers: testServers().kafkaBrokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: ConfigResourceTypes.TOPIC,
          name: rig.topic,
          configEntries: [{ name: 'max.message.bytes', value: '20000' }],
        },
      ],
    });
    await admin.disconnect();
    expect(await rig.drain(rig.worker('w1'))).toMatchObject({ end: 'empty', published: 2, parked: 1 });
    expect((await readTopic(rig.topic, 2)).map((message) => message.eventId).sort()).toEqual([small, last].sort());
    expect(await getEvent(rig.db.pool, 'acme', large ?? '')).toMatchObject({
      status: 'failed',
      error: { code: 'EVENT_TOO_LARGE' },
    });
  });

  it('a missing topic blocks only its own events', async () => {
    await rig.store('acme', 10, (index) => (index % 2 === 0 ? { topic: `missing-${rig.topic}` } : {}));
    const outcome = await rig.drain(rig.worker('w1'));
    expect(outcome).toMatchObject({
      end: 'failed',
      published: 5,
      blockedTopics: [`missing-${rig.topic}`],
      failure: { code: 'KAFKA_TOPIC_MISSING' },
    });
    expect(await countByStatus(rig.db.pool, 'acme')).toMatchObject({ published: 5, pending: 5, failed: 0 });
  });

  it('halts when the database knows less than Kafka, and sends nothing', async () => {
    await rig.store('acme', 5);
    await rig.drain(rig.worker('w1'));
    await rig.db.pool.query(`update outbox.events set status = 'pending', published_at = null, batch_id = null`);
    await rig.db.pool.query('delete from outbox.batches');
    await rig.db.pool.query('update outbox.publishers set recorded = 0, settled = 0, settled_at = null');
    const outcome = await rig.drain(rig.worker('w2'));
    expect(outcome).toMatchObject({
      end: 'halted',
      published: 0,
      failure: { code: 'LEDGER_MISMATCH', breaker: false },
    });
    expect(await readTopic(rig.topic, 5)).toHaveLength(5);
  });

  it('settles what is in doubt under a grant of 0, and sends nothing new', async () => {
    const ids = await rig.store('acme', 4);
    const row = await takeOver(rig.db.pool, REF, 'dead worker');
    const batch = {
      ref: REF,
      fence: row.fence,
      seq: 1,
      revision: row.revision,
      batchId: randomUUID(),
      grantId: 'g',
      eventIds: ids,
      bytes: 1,
    };
    await recordBatch(rig.db.pool, batch);
    // What Kafka never got is taken back, and the grant that had paid for it gets that back.
    expect(await rig.drain(rig.worker('w2'), { events: 0 })).toMatchObject({
      end: 'granted',
      published: 0,
      recorded: -4,
    });
    expect(await readTopic(rig.topic, 0)).toEqual([]);
    expect(await readPublisher(rig.db.pool, REF)).toMatchObject({ recorded: 0, settled: 0 });
    expect(await unsettledBatches(rig.db.pool, REF)).toEqual([]);
    expect(await rig.drain(rig.worker('w2'), { events: 1, cautious: true })).toMatchObject({ published: 1 });
    expect(await rig.drain(rig.worker('w3'))).toMatchObject({ end: 'empty' });
    expect(await readTopic(rig.topic, 4)).toHaveLength(4);
  });
});

/** The sink with another retention, whose sessions do something before they read the ledger. */
function reading(sink: Sink, retentionMs: number, before: () => Promise<void>): Sink {
  const read = async (session: SinkSession): Promise<LedgerEntry | null> => {
    await before();
    return session.readLedger();
  };
  // The log has been cleaned of it too.
  const ledgerInLog: Readings['ledgerInLog'] = async (session, believed, ageMs) => {
    const logged = await session.ledgerInLog(believed, ageMs);
    return logged.kind === 'read' ? { kind: 'read', entry: null } : logged;
  };
  return {
    ...misreading(sink, { readLedger: read, ledgerInLog }),
    ledgerRetentionMs: () => Promise.resolve(retentionMs),
  };
}
