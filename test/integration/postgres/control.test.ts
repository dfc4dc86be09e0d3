import { Client } from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import { pauseAll, readGlobalPause, resumeAll, runningPublishers } from '../../../src/postgres/global-pause';
import { createKey } from '../../../src/postgres/keys';
import { loadSaved, savePublisherState } from '../../../src/postgres/publisher-save';
import { readPublisher, wakePublishers } from '../../../src/postgres/publishers';
import { WAIT_GRACE_MS, sweep } from '../../../src/postgres/sweep';
import { deleteTenant } from '../../../src/postgres/tenant-deletion';
import type { TenantWorkflows } from '../../../src/postgres/tenant-removal';
import { createTenant, getTenant, reactivateTenant } from '../../../src/postgres/tenants';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { enqueueSome, kafkaOf } from '../../support/events';
import { setPublisherState } from '../../support/publisher-rows';
import { RelayRows } from '../../support/relay-rows';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  for (const table of ['global_pause', 'events', 'unsettled', 'publishers', 'tenants', 'api_keys', 'relays'])
    await db().query(`delete from outbox.${table}`);
  for (const tenant of ['a', 'b']) await createTenant(db(), tenant);
});

const db = () => database.pool;
const ended: TenantWorkflows[] = [];
const ORDER = {
  ...{ by: 'ops', why: 'contract ended' },
  endWorkflows: (workflows: TenantWorkflows) => Promise.resolve(void ended.push(workflows)),
};

describe('the pause of everything', () => {
  it('has who, why and since when, and is over at its time by itself', async () => {
    expect(await readGlobalPause(db())).toBeNull();
    const set = await pauseAll(db(), { by: 'ops', why: 'maintenance' });
    expect(set).toMatchObject({ by: 'ops', why: 'maintenance', until: null });
    const again = await pauseAll(db(), { by: 'eve', why: 'longer', until: Date.now() + 60_000 });
    expect(again).toMatchObject({ by: 'eve', since: set.since });
    expect(await resumeAll(db())).toMatchObject({ by: 'eve' });
    expect(await resumeAll(db())).toBeNull();
    await pauseAll(db(), { by: 'ops', why: 'short', until: Date.now() - 1 });
    expect(await readGlobalPause(db())).toBeNull();
    // The next one is another pause, with its own beginning.
    await db().query(`update outbox.global_pause set since = '2020-01-01'`);
    expect((await pauseAll(db(), { by: 'ops', why: 'next' })).since).toBeGreaterThan(Date.parse('2020-01-02'));
  });

  it('is complete when no publisher is attached, and every relay is taken over', async () => {
    expect(await runningPublishers(db())).toBe(0);
    const relay = await RelayRows.take(db());
    await relay.attach('a');
    expect(await runningPublishers(db())).toBe(1);
    await relay.detach('a');
    expect(await runningPublishers(db())).toBe(0);
    await db().query(`update outbox.relays set recovered_on = 'another server'`);
    expect(await runningPublishers(db())).toBe(1);
  });

  it('costs no wakes and no sweep, and the sweep finds the backlog afterwards', async () => {
    await enqueueSome(db(), 'a', 2);
    await pauseAll(db(), { by: 'ops', why: 'maintenance' });
    expect(await wakePublishers(db(), [kafkaOf('a')])).toEqual([]);
    expect(await sweep(db(), 10)).toEqual([]);
    expect((await readPublisher(db(), kafkaOf('a')))?.state).toBe('sleeping');
    await resumeAll(db());
    expect(await sweep(db(), 10)).toEqual([kafkaOf('a')]);
  });

  it('lets nobody attach and nothing be claimed from the moment it is set', async () => {
    await enqueueSome(db(), 'a', 2);
    const relay = await RelayRows.take(db());
    expect(await relay.attach('a')).toMatchObject({ kind: 'attached' });
    expect(await relay.claim('a')).toMatchObject({ allowed: true, events: { length: 2 } });
    await pauseAll(db(), { by: 'ops', why: 'maintenance' });
    expect(await relay.claim('a')).toMatchObject({ allowed: false, events: [] });
    expect(await relay.attach('b')).toEqual({ kind: 'stopped' });
    await pauseAll(db(), { by: 'ops', why: 'over', until: Date.now() - 1 });
    expect(await relay.claim('a')).toMatchObject({ allowed: true, events: { length: 2 } });
  });

  it('as does a pause or an opened breaker of the publisher itself, in its row', async () => {
    await enqueueSome(db(), 'a', 2);
    const relay = await RelayRows.take(db());
    await relay.attach('a');
    const allowed = async (): Promise<boolean> => (await relay.claim('a')).allowed;
    const save = { why: null, until: null, paused: null, limits: {}, breaker: null };
    const paused = { by: 'ops', why: 'x', since: 1, until: null };
    await savePublisherState(db(), kafkaOf('a'), { ...save, paused });
    expect(await allowed()).toBe(false);
    await savePublisherState(db(), kafkaOf('a'), { ...save, limits: { heldOpen: { reason: 'x', since: 1 } } });
    expect(await allowed()).toBe(false);
    await savePublisherState(db(), kafkaOf('a'), { ...save, paused: { ...paused, until: Date.now() - 1_000 } });
    expect(await allowed()).toBe(true);
  });
});

it('the row keeps a breaker that opened, and limits in bytes', async () => {
  const breaker = { failures: 3, openings: 1, openedAt: 5, nextProbeAt: 9, reason: 'KAFKA_UNAVAILABLE: x' };
  const limits = { quota: { bytesPerSecond: 1_000, byteBurst: 5 }, weight: 3 };
  await savePublisherState(db(), kafkaOf('a'), { why: 'open', until: 9, paused: null, limits, breaker });
  expect(await loadSaved(db(), kafkaOf('a'))).toMatchObject({ breaker, limits });
});

describe('ten thousand paused or open publishers with a backlog', () => {
  it('cost the sweep no wakes', async () => {
    await db().query(`
      insert into outbox.events (tenant_id, dedupe_key, topic, event_type)
        select 't' || n, 'd', 'x', 'x' from generate_series(1, 10000) n;
      insert into outbox.publishers (tenant_id, destination, shard, state)
        select 't' || n, 'kafka', 0, case when n % 2 = 0 then 'paused' else 'open' end from generate_series(1, 10000) n`);
    expect(await sweep(db(), 1_000)).toEqual([]);
    // All timers fire at once, and the probes share a few slots.
    await db().query(`update outbox.publishers set state_until = clock_timestamp() - interval '5 s'`);
    expect(await sweep(db(), 1_000)).toEqual([]);
    await setPublisherState(db(), kafkaOf('t7'), 'open', Date.now() - WAIT_GRACE_MS);
    expect(await sweep(db(), 1_000)).toEqual([kafkaOf('t7')]);
  });
});

describe('deleting a tenant', () => {
  const counts = async (tenant: string) => {
    const { rows } = await db().query<{ n: number }>(
      `select (select count(*) from outbox.events where tenant_id = $1)::int + (select count(*) from outbox.api_keys
         where tenant_id = $1)::int + (select count(*) from outbox.tenants where tenant_id = $1)::int as n`,
      [tenant],
    );
    return rows[0]?.n;
  };

  it('is refused while anything is unpublished, without effect, and says what to do', async () => {
    await enqueueSome(db(), 'a', 3);
    const refused = await deleteTenant(db(), 'a', { ...ORDER, force: false });
    expect(refused).toMatchObject({ kind: 'refused', reason: 'unpublished', count: 3 });
    expect(refused.kind === 'refused' && refused.detail).toMatch(/force the deletion\.$/);
    expect((await getTenant(db(), 'a'))?.status).toBe('active');
    expect(await deleteTenant(db(), 'nobody', { ...ORDER, force: true })).toEqual({ kind: 'unknown' });
  });

  it('with force skips with the reason, and removes everything', async () => {
    const relay = await RelayRows.take(db());
    await relay.publish('a', await enqueueSome(db(), 'a', 2));
    await enqueueSome(db(), 'a', 7);
    await enqueueSome(db(), 'b', 1);
    await wakePublishers(db(), [kafkaOf('a')]);
    await createKey(db(), 'a', { scopes: ['ingest'] });
    expect(await deleteTenant(db(), 'a', { ...ORDER, force: true })).toEqual({
      kind: 'deleted',
      skipped: 7,
      removed: 9,
    });
    expect(await counts('a')).toBe(0);
    expect(await counts('b')).toBe(2);
    expect(ended.at(-1)).toEqual({ publishers: [kafkaOf('a')], replays: [] });
    // What its workflow is just about to save would be handed down.
    const late = { why: 'paused' as const, until: null, limits: { weight: 3 }, breaker: null };
    await savePublisherState(db(), kafkaOf('a'), { ...late, paused: { by: 'ops', why: 'x', since: 1, until: null } });
    expect(await readPublisher(db(), kafkaOf('a'))).toBeNull();
    expect(await createTenant(db(), 'a')).toBe(true);
  });

  it('is refused while something that was sent could not be marked, even with force, and leaves that alone', async () => {
    const [sent, other] = (await enqueueSome(db(), 'a', 2)) as [string, string];
    await db().query(
      `insert into outbox.unsettled (tenant_id, event_id, fingerprint, relay, seq) values ('a', $1, 0, 0, 1)`,
      [sent],
    );
    const refused = await deleteTenant(db(), 'a', { ...ORDER, force: true });
    expect(refused).toMatchObject({ kind: 'refused', reason: 'in_doubt', count: 1 });
    const { rows } = await db().query(`select event_id::text as id, status from outbox.events order by event_id`);
    expect(rows).toEqual([
      { id: sent, status: 'pending' },
      { id: other, status: 'skipped' },
    ]);
    expect(await reactivateTenant(db(), 'a', ORDER)).toBe(true);
  }, 20_000);

  it('waits for a transaction that began to write before', async () => {
    const writer = new Client({ connectionString: database.url });
    await writer.connect();
    try {
      await writer.query('begin');
      await writer.query(`select outbox.enqueue(tenant => 'a', topic => 't', type => 't', payload => '{}'::jsonb)`);
      const deletion = deleteTenant(db(), 'a', { ...ORDER, force: true });
      await sleep(300);
      await writer.query('commit');
      expect(await deletion).toEqual({ kind: 'deleted', skipped: 1, removed: 1 });
    } finally {
      await writer.end();
    }
  });
});
