import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import type { PoolClient } from 'pg';
import { recordBatch } from '../../../src/postgres/batches';
import { countByStatus, getEvent } from '../../../src/postgres/events';
import { heldKeys } from '../../../src/postgres/held-keys';
import { releaseKey, retryEvents, skipEvents } from '../../../src/postgres/operator-actions';
import { readPublisher, takeOver, wakePublishers } from '../../../src/postgres/publishers';
import { sweep } from '../../../src/postgres/sweep';
import { undelivered } from '../../../src/postgres/undelivered';
import { createDrainRig, readTopic } from '../../support/drain';
import type { DrainRig } from '../../support/drain';
import { testServers } from '../../support/stack';

const REF = { tenant: 'acme', destination: 'kafka', shard: 0 };

describe('hold-key', () => {
  let rig: DrainRig;
  beforeEach(async () => {
    rig = await createDrainRig('acme');
  });
  afterEach(() => rig.close());

  /** Events with these keys, those marked ! poisoned: a header that only plain SQL can write. */
  const store = async (...names: string[]): Promise<string[]> => {
    const ids = await rig.store('acme', names.length, (index) => ({ key: names[index]?.replace('!', '') ?? null }));
    await poison(...ids.filter((_, index) => names[index]?.endsWith('!')));
    return ids;
  };
  const poison = (...ids: string[]) =>
    rig.db.pool.query(`update outbox.events set headers = '{"x": 1}' where event_id = any ($1::bigint[])`, [ids]);
  const mend = (...ids: string[]) =>
    rig.db.pool.query('update outbox.events set headers = null where event_id = any ($1::bigint[])', [ids]);
  const sent = async (count: number, key = 'k'): Promise<string[]> =>
    (await readTopic(rig.topic, count))
      .filter((message) => message.key === `acme:${key}`)
      .map(({ eventId }) => eventId);
  const state = async () => (await readPublisher(rig.db.pool, REF))?.state;

  it('later events of a parked key wait, others flow; after a retry they follow in order', async () => {
    const [k1, k2, k3, o1, k4] = (await store('k', 'k!', 'k', 'o', 'k')) as [string, string, string, string, string];
    const worker = rig.worker('w1');
    expect(await rig.drain(worker)).toMatchObject({ end: 'empty', published: 2, parked: 1 });
    expect(await sent(2)).toEqual([k1]);
    expect(await sent(2, 'o')).toEqual([o1]);
    expect(await state()).toBe('held');
    expect(await sweep(rig.db.pool, 10)).toEqual([]);
    expect((await heldKeys(rig.db.pool, { tenant: 'acme' })).keys).toMatchObject([
      { key: 'k', parkedEventId: k2, errorCode: 'EVENT_REFUSED', waiting: { count: 2, exact: true } },
    ]);
    expect(await undelivered(rig.db.pool, 'acme')).toMatchObject([
      {
        reasons: [
          { reason: 'failed', errorCode: 'EVENT_REFUSED', count: 1 },
          { reason: 'held', count: 2, topic: rig.topic },
        ],
      },
    ]);

    // A new event of the held key wakes, joins those that wait, and the publisher is held again.
    const [k5] = (await store('k')) as [string];
    expect(await wakePublishers(rig.db.pool, [REF])).toEqual([REF]);
    expect(await rig.drain(worker)).toMatchObject({ end: 'empty', published: 0 });
    expect(await state()).toBe('held');

    await mend(k2);
    const result = await retryEvents(rig.db.pool, 'acme', [k2]);
    expect(result).toMatchObject({ changed: [k2], refused: [], wake: [REF] });
    expect(await wakePublishers(rig.db.pool, result.wake)).toEqual([REF]);
    expect(await rig.drain(worker)).toMatchObject({ end: 'empty', published: 4 });
    expect(await sent(6)).toEqual([k1, k2, k3, k4, k5]);
    expect(await state()).toBe('sleeping');
  });

  it('after a skip the others follow, also when the wake was lost: the sweep finds them', async () => {
    const [k1, k2, k3] = (await store('k!', 'k', 'k')) as [string, string, string];
    const worker = rig.worker('w1');
    await rig.drain(worker);
    expect(await state()).toBe('held');
    await skipEvents(rig.db.pool, 'acme', [k1], 'the customer is gone');
    expect(await sweep(rig.db.pool, 10)).toEqual([REF]);
    expect(await rig.drain(worker)).toMatchObject({ end: 'empty', published: 2 });
    expect(await sent(2)).toEqual([k2, k3]);
    expect(await getEvent(rig.db.pool, 'acme', k1)).toMatchObject({
      status: 'skipped',
      error: { code: 'EVENT_REFUSED', reason: expect.stringMatching(/the customer is gone.*not a string/) as string },
    });
  });

  it('several parked events of a key: what was accepted between them is published between them', async () => {
    const ids = await store('k!', 'k', 'k!', 'k', 'k!', 'k');
    const worker = rig.worker('w1');
    await rig.drain(worker, { onPoison: 'skip' });
    expect(await countByStatus(rig.db.pool, 'acme')).toMatchObject({ failed: 3, published: 3 });
    const more = await store('k', 'k');
    await rig.drain(worker);
    expect(await state()).toBe('held');
    await mend(...ids);
    expect((await releaseKey(rig.db.pool, 'acme', 'k', { action: 'retry' })).changed).toEqual([ids[0], ids[2], ids[4]]);
    await rig.drain(worker);
    expect((await sent(8)).slice(3)).toEqual([ids[0], ids[2], ids[4], ...more]);
  });

  it('a retried event that is refused again holds its key again, where it was', async () => {
    const [k1, k2] = (await store('k!', 'k')) as [string, string];
    const worker = rig.worker('w1');
    await rig.drain(worker);
    await retryEvents(rig.db.pool, 'acme', [k1]);
    expect(await rig.drain(worker)).toMatchObject({ parked: 1, published: 0 });
    expect(await state()).toBe('held');
    await mend(k1);
    await retryEvents(rig.db.pool, 'acme', [k1]);
    await rig.drain(worker);
    expect(await sent(2)).toEqual([k1, k2]);
  });

  it('under skip nothing waits, and what waited is let go', async () => {
    const [, k2, k3] = (await store('k!', 'k', 'k')) as [string, string, string];
    const worker = rig.worker('w1');
    expect(await rig.drain(worker)).toMatchObject({ published: 0, parked: 1 });
    expect(await rig.drain(worker, { onPoison: 'skip' })).toMatchObject({ end: 'empty', published: 2 });
    expect(await sent(2)).toEqual([k2, k3]);
    expect(await state()).toBe('sleeping');
  });

  it('a late commit with a lower id does not wait', async () => {
    const late = await rig.db.pool.connect();
    await late.query('begin');
    const lateId = await enqueue(late, rig.topic, 'k');
    const [, k2] = (await store('k!', 'k')) as [string, string];
    const worker = rig.worker('w1');
    expect(await rig.drain(worker)).toMatchObject({ published: 0, parked: 1 });
    await late.query('commit');
    late.release();
    expect(await rig.drain(worker)).toMatchObject({ end: 'empty', published: 1 });
    expect(await sent(1)).toEqual([lateId]);
    expect(await getEvent(rig.db.pool, 'acme', k2)).toMatchObject({ status: 'pending' });
  });

  it('parking in the replay lane holds nothing', async () => {
    const [replayed, k2] = (await store('k!', 'k')) as [string, string];
    await rig.db.pool.query('update outbox.events set lane = 1 where event_id = $1', [replayed]);
    const worker = rig.worker('w1');
    expect(await rig.drain(worker)).toMatchObject({ end: 'empty', published: 1, parked: 1 });
    const [k3] = (await store('k')) as [string];
    expect(await rig.drain(worker)).toMatchObject({ end: 'empty', published: 1 });
    expect(await sent(2)).toEqual([k2, k3]);
  });

  it('a batch recorded anew is without the parked event and without what waits behind it', async () => {
    const [k1, k2, k3, o1] = (await store('k', 'k', 'k', 'o')) as [string, string, string, string];
    const { fence, revision } = await takeOver(rig.db.pool, REF, 'dead worker');
    const eventIds = [k1, k2, k3, o1];
    const batch = { ref: REF, fence, seq: 1, revision, batchId: randomUUID(), grantId: 'g', eventIds, bytes: 1 };
    await recordBatch(rig.db.pool, batch);
    await poison(k2);
    expect(await rig.drain(rig.worker('w2'))).toMatchObject({ end: 'empty', published: 2, parked: 1 });
    expect(await sent(2)).toEqual([k1]);
    await mend(k2);
    await retryEvents(rig.db.pool, 'acme', [k2]);
    await rig.drain(rig.worker('w3'));
    expect(await sent(4)).toEqual([k1, k2, k3]);
  });

  it('a long queue is set aside once, also under small grants, and comes back in order', async () => {
    const ids = await store('k!', ...Array.from({ length: 4_500 }, () => 'k'), 'o');
    const worker = rig.worker('w1', { batchEvents: 500 });
    expect(await rig.drain(worker, { events: 1 })).toMatchObject({ published: 1 });
    expect(await rig.drain(worker)).toMatchObject({ end: 'empty', published: 0 });
    expect(await heldKeys(rig.db.pool)).toMatchObject({
      keys: [{ waiting: { count: 4_500, exact: true } }],
      next: null,
    });
    await skipEvents(rig.db.pool, 'acme', ids.slice(0, 1), 'test');
    const [late] = (await store('k')) as [string];
    expect(await rig.drain(worker)).toMatchObject({ end: 'empty', published: 4_501 });
    expect(await sent(4_502)).toEqual([...ids.slice(1, -1), late]);
  });

  it('an event that Kafka refuses by itself is tried as often as it may, and then parked; the others go', async () => {
    const topic = `aged-${rig.topic}`;
    const admin = new Kafka({ brokers: testServers().kafkaBrokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const configEntries = [{ name: 'message.timestamp.before.max.ms', value: '3600000' }];
    await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }], waitForLeaders: true });
    await admin.disconnect();
    const ids = await rig.store('acme', 4, () => ({ topic, key: null }));
    await rig.db.pool.query(
      `update outbox.events set created_at = created_at - interval '2 days' where event_id = $1`,
      [ids[1]],
    );
    const outcome = await rig.drain(rig.worker('w1'), { maxAttempts: 3 });
    expect(outcome).toMatchObject({ end: 'empty', published: 3, parked: 1 });
    expect(await getEvent(rig.db.pool, 'acme', ids[1] ?? '')).toMatchObject({ error: { code: 'EVENT_REFUSED' } });
    const { rows } = await rig.db.pool.query('select event_id, attempts from outbox.events order by event_id');
    expect(rows.map(({ attempts }: { attempts: number }) => attempts)).toEqual([0, 3, 0, 0]);
  });
});

async function enqueue(client: PoolClient, topic: string, key: string): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    `select outbox.enqueue(tenant => 'acme', topic => $1, type => 't', payload => '{}'::jsonb, key => $2)::text as id`,
    [topic, key],
  );
  return rows[0]?.id ?? '';
}
