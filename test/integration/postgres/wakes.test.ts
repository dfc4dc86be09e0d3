import { setTimeout as sleep } from 'node:timers/promises';
import { listenForWakes } from '../../../src/postgres/notify';
import { insertMany } from '../../../src/postgres/enqueue';
import { readPublisher, wakePublishers } from '../../../src/postgres/publishers';
import type { PublisherRowState } from '../../../src/postgres/publishers';
import { WAIT_GRACE_MS, releaseAdvisoryLock, sweep, tryAdvisoryLock } from '../../../src/postgres/sweep';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { enqueueSome, kafkaOf, someEvent } from '../../support/events';
import { setPublisherState } from '../../support/publisher-rows';

let database: TestDatabase;
const TENANTS = ['a', 'b', 'c'];
beforeAll(async () => {
  database = await createTestDatabase(...TENANTS);
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.pool.query('truncate outbox.events');
  await database.pool.query(`delete from outbox.publishers`);
});

const db = () => database.pool;
const sqlEnqueue = (tenant: string) =>
  database.pool.query(`select outbox.enqueue(tenant => $1, topic => 't', type => 't', payload => '{}'::jsonb)`, [
    tenant,
  ]);

describe('wakePublishers', () => {
  it('returns only those that slept, once', async () => {
    const refs = TENANTS.map(kafkaOf);
    await setPublisherState(db(), kafkaOf('a'), 'running', null);
    expect((await wakePublishers(db(), refs)).map((ref) => ref.tenant).sort()).toEqual(['b', 'c']);
    expect(await wakePublishers(db(), refs)).toEqual([]);
    await setPublisherState(db(), kafkaOf('a'), 'sleeping', null);
    expect(await wakePublishers(db(), [...refs, ...refs])).toEqual([kafkaOf('a')]);
  });

  it('of many concurrent wakers one gets it', async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => wakePublishers(db(), TENANTS.map(kafkaOf))));
    expect(all.flat()).toHaveLength(3);
  });

  it.each<[PublisherRowState, number | null, boolean]>([
    ['held', null, true],
    ['running', -1, true],
    ['waking', -1, true],
    ['running', 60_000, false],
    ['paused', null, false],
    ['open', -1, false],
    ['throttled', 60_000, false],
  ])('%s until %s ms from now: woken %s', async (state, until, woken) => {
    await setPublisherState(db(), kafkaOf('a'), state, until === null ? null : Date.now() + until);
    await sleep(2);
    expect(await wakePublishers(db(), [kafkaOf('a')])).toHaveLength(woken ? 1 : 0);
  });
});

describe('the sweep', () => {
  it('finds backlogs that nobody works on, oldest first, also without a row', async () => {
    for (const tenant of ['c', 'a', 'b']) await enqueueSome(db(), tenant, 2);
    expect(await sweep(db(), 1)).toEqual([kafkaOf('c')]);
    expect((await sweep(db(), 10)).map((ref) => ref.tenant).sort()).toEqual(['a', 'b']);
    expect(await sweep(db(), 10)).toEqual([]);
  });

  it.each<[PublisherRowState, number | null, boolean]>([
    ['sleeping', null, true],
    ['held', null, true],
    ['running', -1, true],
    ['running', 60_000, false],
    ['waking', 60_000, false],
    ['waking', -1, true],
    ['throttled', -1, false],
    ['throttled', -WAIT_GRACE_MS, true],
    ['open', -1, false],
    ['open', -WAIT_GRACE_MS / 2, false],
    ['open', -WAIT_GRACE_MS, true],
    ['open', null, false],
    ['paused', null, false],
    ['paused', -1, false],
    ['paused', -WAIT_GRACE_MS, true],
  ])('%s until %s ms from now: swept %s', async (state, until, swept) => {
    await enqueueSome(db(), 'a', 1);
    await setPublisherState(db(), kafkaOf('a'), state, until === null ? null : Date.now() + until);
    await sleep(2);
    expect(await sweep(db(), 10)).toHaveLength(swept ? 1 : 0);
  });

  it('spends no wake on publishers whose own timer has just fired, while another waits for one', async () => {
    for (const tenant of TENANTS) await enqueueSome(db(), tenant, 1);
    for (const tenant of ['a', 'b']) {
      await setPublisherState(db(), kafkaOf(tenant), 'open', Date.now() - 1_000);
    }
    expect(await sweep(db(), 1)).toEqual([kafkaOf('c')]);
    expect(await sweep(db(), 10)).toEqual([]);
    // Nobody has changed what operators see: the breaker is open, and its probe was due a second ago.
    const row = await readPublisher(db(), kafkaOf('a'));
    expect([row?.state, (row?.stateUntil ?? 0) < Date.now()]).toEqual(['open', true]);
  });

  it('leaves a held publisher alone until something else is pending, and finds every other one that has only waiting events', async () => {
    await enqueueSome(db(), 'a', 2);
    await database.pool.query('update outbox.events set lane = 2');
    await setPublisherState(db(), kafkaOf('a'), 'held', null);
    expect(await sweep(db(), 10)).toEqual([]);
    await setPublisherState(db(), kafkaOf('a'), 'running', Date.now() - 1);
    await sleep(2);
    expect(await sweep(db(), 10)).toEqual([kafkaOf('a')]);
    await setPublisherState(db(), kafkaOf('a'), 'held', null);
    await database.pool.query('update outbox.publishers set swept_at = null');
    await enqueueSome(db(), 'a', 1);
    expect(await sweep(db(), 10)).toEqual([kafkaOf('a')]);
  });

  it('backs off from a publisher that it woke in vain', async () => {
    await enqueueSome(db(), 'a', 1);
    const again = async () => {
      await database.pool.query(`update outbox.publishers set state = 'sleeping'`);
      return (await sweep(db(), 10)).length;
    };
    const passes = (ms: number) =>
      database.pool.query("update outbox.publishers set swept_at = swept_at - $1 * interval '1 ms'", [ms]);
    expect(await again()).toBe(1);
    expect(await again()).toBe(0);
    await passes(1_000);
    expect(await again()).toBe(1);
    await passes(1_000);
    expect(await again()).toBe(0);
    await passes(1_000);
    expect(await again()).toBe(1);
  });

  it('needs no row of a publisher without a backlog', async () => {
    await setPublisherState(db(), kafkaOf('a'), 'sleeping', null);
    expect(await sweep(db(), 10)).toEqual([]);
  });

  it('is done by one: the lock', async () => {
    const [one, two] = [await database.pool.connect(), await database.pool.connect()];
    expect(await tryAdvisoryLock(one, 'sweep')).toBe(true);
    expect(await tryAdvisoryLock(two, 'sweep')).toBe(false);
    await releaseAdvisoryLock(one, 'sweep');
    expect(await tryAdvisoryLock(two, 'sweep')).toBe(true);
    await releaseAdvisoryLock(two, 'sweep');
    one.release();
    two.release();
  });
});

describe('notifications', () => {
  const woken: string[] = [];
  const errors: string[] = [];
  let listening = 0;
  let listener: ReturnType<typeof listenForWakes>;
  const until = async (what: () => boolean): Promise<void> => {
    for (let i = 0; i < 500 && !what(); i++) await sleep(10);
    expect(what()).toBe(true);
  };
  beforeAll(async () => {
    listener = listenForWakes(database.url, {
      onWake: (ref) => woken.push(ref.tenant),
      onListening: () => listening++,
      onError: (error) => errors.push(error.code),
    });
    await until(() => listening === 1);
  });
  afterAll(() => listener.close());
  beforeEach(() => {
    woken.length = 0;
  });

  it('come for a sleeping publisher, and for one without a row, at commit', async () => {
    const client = await database.pool.connect();
    await client.query('begin');
    for (let i = 0; i < 5; i++) await client.query(`select outbox.enqueue('a', 't', 't', '{}'::jsonb)`);
    await sleep(50);
    expect(woken).toEqual([]);
    await client.query('commit');
    client.release();
    await until(() => woken.length > 0);
    await sleep(50);
    expect(woken).toEqual(['a']);
  });

  it('come for a held publisher too', async () => {
    await setPublisherState(db(), kafkaOf('b'), 'held', null);
    await sqlEnqueue('b');
    await until(() => woken.length > 0);
    expect(woken).toEqual(['b']);
  });

  it('do not come from a rollback, while the publisher runs, nor for inserts of the API', async () => {
    const client = await database.pool.connect();
    await client.query(`begin; select outbox.enqueue('c', 't', 't', '{}'::jsonb); rollback`);
    client.release();
    await setPublisherState(db(), kafkaOf('a'), 'running', null);
    await sqlEnqueue('a');
    await insertMany(db(), [someEvent('b')]);
    await sqlEnqueue('c');
    await until(() => woken.length > 0);
    expect(woken).toEqual(['c']);
    // The setting ended with the API's statement.
    expect((await db().query(`select current_setting('outbox.wake', true) as wake`)).rows[0]).toEqual({ wake: '' });
  });

  it('of writers at the same time on one sleeping publisher only the first notifies', async () => {
    const clients = await Promise.all(Array.from({ length: 5 }, () => database.pool.connect()));
    for (const client of clients) {
      await client.query('begin');
      await client.query(`select outbox.enqueue('a', 't', 't', '{}'::jsonb)`);
    }
    for (const client of clients) {
      await client.query('commit');
      client.release();
    }
    await until(() => woken.length > 0);
    await sleep(50);
    expect(woken).toEqual(['a']);
  });

  it('come again after the connection was cut', async () => {
    await database.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'temporal-outbox wakes' and datname = current_database()`,
    );
    await until(() => listening === 2);
    expect(errors).toEqual(['POSTGRES_UNAVAILABLE']);
    await sqlEnqueue('b');
    await until(() => woken.includes('b'));
  });

  it('stop when nobody listens: the channel is silent and the sweep finds the event', async () => {
    await listener.close();
    const client = await database.pool.connect();
    const heard: unknown[] = [];
    client.on('notification', (message) => heard.push(message));
    await client.query('listen outbox_wake');
    await sqlEnqueue('a');
    await sleep(50);
    await client.query('unlisten *');
    client.release(true);
    expect(heard).toEqual([]);
    expect(await sweep(db(), 10)).toEqual([kafkaOf('a')]);
  });
});
