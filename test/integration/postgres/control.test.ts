import { Client } from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import { pauseAll, readGlobalPause, resumeAll, runningPublishers } from '../../../src/postgres/global-pause';
import { createKey } from '../../../src/postgres/keys';
import { loadSaved, savePublisherState } from '../../../src/postgres/publisher-save';
import { readPublisher, setPublisherState, takeOver, wakePublishers } from '../../../src/postgres/publishers';
import { recordBatch } from '../../../src/postgres/batches';
import { settleBatch } from '../../../src/postgres/settle';
import { WAIT_GRACE_MS, sweep } from '../../../src/postgres/sweep';
import { deleteTenant } from '../../../src/postgres/tenant-deletion';
import type { TenantWorkflows } from '../../../src/postgres/tenant-removal';
import { createTenant, getTenant, reactivateTenant } from '../../../src/postgres/tenants';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { enqueueSome, kafkaOf } from '../../support/events';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  for (const table of ['global_pause', 'events', 'batches', 'publishers', 'tenants', 'api_keys'])
    await db().query(`delete from outbox.${table}`);
  for (const tenant of ['a', 'b']) await createTenant(db(), tenant);
});

const db = () => database.pool;
const BATCH = '00000000-0000-4000-8000-00000000000';
const ended: TenantWorkflows[] = [];
const ORDER = {
  ...{ by: 'ops', why: 'contract ended' },
  endWorkflows: (workflows: TenantWorkflows) => Promise.resolve(void ended.push(workflows)),
};

async function record(tenant: string, eventIds: string[], seq = 1) {
  const { fence, revision } = await takeOver(db(), kafkaOf(tenant), 'w');
  const batchId = `${BATCH}${seq}`;
  await recordBatch(db(), { ref: kafkaOf(tenant), fence, seq, revision, batchId, grantId: 'g', eventIds, bytes: 1 });
  return { ref: kafkaOf(tenant), fence, seq, batchId };
}

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

  it('is complete when no publisher is at work: a dead worker is none any more once its time is over', async () => {
    await takeOver(db(), kafkaOf('a'), 'w');
    await setPublisherState(db(), kafkaOf('b'), 'sleeping', null);
    expect(await runningPublishers(db())).toBe(1);
    await setPublisherState(db(), kafkaOf('a'), 'running', Date.now() - 60_000);
    expect(await runningPublishers(db())).toBe(0);
  });

  it('is not complete while a batch is in doubt, also when no drain is at work', async () => {
    const batch = await record('a', await enqueueSome(db(), 'a', 2));
    await setPublisherState(db(), kafkaOf('a'), 'sleeping', null);
    expect(await runningPublishers(db())).toBe(1);
    await settleBatch(db(), { ...batch, placements: null });
    expect(await runningPublishers(db())).toBe(0);
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

  it('refuses to record a batch from the moment it is set', async () => {
    const ids = await enqueueSome(db(), 'a', 2);
    await pauseAll(db(), { by: 'ops', why: 'maintenance' });
    await expect(record('a', ids)).rejects.toMatchObject({ code: 'PAUSED' });
    await pauseAll(db(), { by: 'ops', why: 'over', until: Date.now() - 1 });
    await record('a', ids);
  });

  it('as does a pause or an opened breaker of the publisher itself, in its row', async () => {
    const ids = await enqueueSome(db(), 'a', 2);
    const save = { why: null, until: null, paused: null, halted: null, limits: {} };
    const paused = { by: 'ops', why: 'x', since: 1, until: null };
    await savePublisherState(db(), kafkaOf('a'), { ...save, paused });
    await expect(record('a', ids)).rejects.toMatchObject({ code: 'PAUSED' });
    await savePublisherState(db(), kafkaOf('a'), { ...save, limits: { heldOpen: { reason: 'x', since: 1 } } });
    await expect(record('a', ids)).rejects.toMatchObject({ code: 'PAUSED' });
    await savePublisherState(db(), kafkaOf('a'), { ...save, paused: { ...paused, until: Date.now() - 1_000 } });
    await record('a', ids);
  });
});

it('the row keeps a breaker that opened, and limits in bytes', async () => {
  const breaker = { failures: 3, openings: 1, openedAt: 5, nextProbeAt: 9, reason: 'KAFKA_UNAVAILABLE: x' };
  const limits = { quota: { bytesPerSecond: 1_000, byteBurst: 5 }, weight: 3 };
  await savePublisherState(db(), kafkaOf('a'), { why: 'open', until: 9, paused: null, halted: null, limits, breaker });
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

  it('with force skips with the reason, removes everything, and keeps what the ledger is compared with', async () => {
    const batch = await record('a', await enqueueSome(db(), 'a', 2));
    await settleBatch(db(), { ...batch, placements: null });
    await enqueueSome(db(), 'a', 7);
    await enqueueSome(db(), 'b', 1);
    await createKey(db(), 'a', { scopes: ['ingest'] });
    expect(await deleteTenant(db(), 'a', { ...ORDER, force: true })).toEqual({
      kind: 'deleted',
      skipped: 7,
      removed: 9,
    });
    expect(await counts('a')).toBe(0);
    expect(await counts('b')).toBe(2);
    expect(await readPublisher(db(), kafkaOf('a'))).toMatchObject({
      ...{ recorded: 1, settled: 1 },
      // Raised, so that a drain that still lingers can write nothing.
      fence: expect.stringMatching(/^2@/),
    });
    const { rows } = await db().query('select seq from outbox.batches where tenant_id = $1', ['a']);
    expect(rows).toHaveLength(1);
    expect(ended.at(-1)).toEqual({ publishers: [kafkaOf('a')], replays: [] });
    // What its workflow is just about to save would be handed down.
    const late = { why: 'paused' as const, until: null, halted: null, limits: { weight: 3 } };
    await savePublisherState(db(), kafkaOf('a'), { ...late, paused: { by: 'ops', why: 'x', since: 1, until: null } });
    expect(await readPublisher(db(), kafkaOf('a'))).toMatchObject({ state: 'sleeping', limits: {}, paused: null });
    // One of the same name goes on counting where this one ended.
    expect(await createTenant(db(), 'a')).toBe(true);
    await record('a', await enqueueSome(db(), 'a', 1), 2);
  });

  it('is refused while a batch is in doubt, even with force, and touches none of its events', async () => {
    const ids = await enqueueSome(db(), 'a', 2);
    await record('a', ids);
    const refused = await deleteTenant(db(), 'a', { ...ORDER, force: true });
    expect(refused).toMatchObject({ kind: 'refused', reason: 'in_doubt', count: 1 });
    const { rows } = await db().query<{ n: number }>(
      `select count(*)::int as n from outbox.events where status = 'pending'`,
    );
    expect(rows[0]?.n).toBe(2);
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
