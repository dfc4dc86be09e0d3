import { setTimeout as delay } from 'node:timers/promises';
import { writeBlocked } from '../../../src/postgres/blocked';
import { readPublisher, setPublisherState, takeOver } from '../../../src/postgres/publishers';
import { undelivered } from '../../../src/postgres/undelivered';
import { createDrainRig } from '../../support/drain';
import type { DrainRig } from '../../support/drain';
import { createTopics } from '../../support/fault-run';
import { testServers } from '../../support/stack';

const REF = { tenant: 'acme', destination: 'kafka', shard: 0 };
const NOT_ALLOWED = 'forbidden-here';

describe('blocked topics', () => {
  let rig: DrainRig;
  let missing: string;
  beforeEach(async () => {
    rig = await createDrainRig('acme');
    missing = `missing-${rig.topic}`;
    // Counts the writes of the list alone: falling asleep writes it along with what it writes anyway.
    await rig.db.pool.query(`
      create table outbox.blocked_writes (at timestamptz default now());
      create function outbox.count_blocked() returns trigger language plpgsql as $$
        begin insert into outbox.blocked_writes default values; return null; end $$;
      create trigger count_blocked after update of blocked on outbox.publishers for each row
        when (current_query() like '%blocked = $5%') execute function outbox.count_blocked()`);
  });
  afterEach(() => rig.close());

  const row = async () => (await readPublisher(rig.db.pool, REF))?.blocked;
  const reasons = async () =>
    (await undelivered(rig.db.pool, 'acme'))[0]?.reasons.map(({ reason, errorCode, topic, count }) => [
      reason,
      errorCode,
      topic,
      count,
    ]);
  const writes = async (): Promise<number> => {
    const { rows } = await rig.db.pool.query<{ n: number }>('select count(*)::int as n from outbox.blocked_writes');
    return rows[0]?.n ?? -1;
  };
  const storeMixed = () =>
    rig.store('acme', 9, (index) => ({ topic: [rig.topic, missing, NOT_ALLOWED][index % 3] ?? rig.topic }));

  it('are told with their code, whatever the publisher waits for, and written once', async () => {
    const worker = rig.worker('w1');
    await storeMixed();
    expect(await rig.drain(worker)).toMatchObject({ end: 'failed', published: 3 });
    const blocked = [
      ['blocked', 'KAFKA_TOPIC_NOT_ALLOWED', NOT_ALLOWED, 3],
      ['blocked', 'KAFKA_TOPIC_MISSING', missing, 3],
    ].sort();
    expect((await reasons())?.sort()).toEqual(blocked);
    for (const state of ['open', 'throttled', 'waking'] as const) {
      await setPublisherState(rig.db.pool, REF, state, null);
      expect((await reasons())?.sort()).toEqual(blocked);
    }
    for (const state of ['paused', 'halted'] as const) {
      await setPublisherState(rig.db.pool, REF, state, null);
      expect(await reasons()).toEqual([
        [state, null, NOT_ALLOWED, 3],
        [state, null, missing, 3],
      ]);
    }
    // The same again: by the session that is kept, and by a worker that reads the row when it takes over.
    await rig.drain(worker);
    await rig.drain(rig.worker('w2'));
    expect(await writes()).toBe(1);
  });

  it('are forgotten as each takes events, and all of them when nothing is pending', async () => {
    const worker = rig.worker('w1');
    await storeMixed();
    await rig.drain(worker);
    await createTopics(testServers().kafkaBrokers.join(','), [missing]);
    await delay(3_500);
    expect(await rig.drain(worker)).toMatchObject({ end: 'failed', published: 3 });
    expect(await row()).toEqual({ [NOT_ALLOWED]: 'KAFKA_TOPIC_NOT_ALLOWED' });
    expect(await writes()).toBe(2);

    // A drain that ends before it has met the topic does not know that it is mended.
    expect(await rig.drain(worker, { events: 0 })).toMatchObject({ end: 'granted' });
    expect(await row()).toEqual({ [NOT_ALLOWED]: 'KAFKA_TOPIC_NOT_ALLOWED' });
    await rig.db.pool.query('delete from outbox.events where topic = $1', [NOT_ALLOWED]);
    expect(await rig.drain(worker)).toMatchObject({ end: 'empty' });
    expect(await row()).toBeNull();
    expect(await writes()).toBe(2);

    // The session that was kept knows that the list is empty now.
    await rig.store('acme', 1, () => ({ topic: NOT_ALLOWED }));
    await rig.drain(worker);
    expect(await row()).toEqual({ [NOT_ALLOWED]: 'KAFKA_TOPIC_NOT_ALLOWED' });
  });

  it('cost a drain without them no write, and a fenced drain cannot write them', async () => {
    await rig.store('acme', 200);
    expect(await rig.drain(rig.worker('w1'))).toMatchObject({ end: 'empty', published: 200 });
    expect(await writes()).toBe(0);
    const { fence } = await takeOver(rig.db.pool, REF, 'older');
    await takeOver(rig.db.pool, REF, 'newer');
    const blocked = new Map([['__proto__', 'KAFKA_TOPIC_NOT_ALLOWED']]);
    await expect(writeBlocked(rig.db.pool, { ref: REF, fence }, blocked)).rejects.toMatchObject({ code: 'FENCED' });
    expect(await row()).toBeNull();
  });

  it('are told while the drain goes on with other topics', async () => {
    const stop = new AbortController();
    const worker = rig.worker('w1', { batchEvents: 1, stopping: stop.signal });
    await rig.store('acme', 2_000, (index) => (index === 0 ? { topic: missing } : {}));
    const drain = rig.drain(worker);
    for (const end = Date.now() + 20_000; (await row()) == null && Date.now() < end;) await delay(20);
    expect(await row()).toEqual({ [missing]: 'KAFKA_TOPIC_MISSING' });
    stop.abort();
    expect(await drain).toMatchObject({ end: 'stopping' });
  });
});
