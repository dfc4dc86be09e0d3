import { randomUUID } from 'node:crypto';
import { purgeTenants } from '../../../src/activities/retention';
import type { RetentionDeps } from '../../../src/activities/retention';
import { parseRetention } from '../../../src/domain/retention';
import { reconcile } from '../../../src/domain/settlement';
import { recordBatch, unsettledBatches } from '../../../src/postgres/batches';
import { selectPending } from '../../../src/postgres/claims';
import { readBatch } from '../../../src/postgres/publisher-save';
import { readPublisher, takeOver } from '../../../src/postgres/publishers';
import { expiredEvents, purgeEvents } from '../../../src/postgres/retention';
import { settleBatch } from '../../../src/postgres/settle';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { enqueueSome, kafkaOf } from '../../support/events';

const HOUR = 3_600_000;
const WEEK = 7 * 24 * HOUR;

let database: TestDatabase;
let tenant: string;
let count = 0;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  tenant = `t${++count}`;
  await database.pool.query('insert into outbox.tenants (tenant_id) values ($1)', [tenant]);
});

const badSettings: string[] = [];
const deps = (stopping = new AbortController().signal): RetentionDeps => ({
  pool: database.pool,
  keepMs: WEEK,
  stopping,
  observer: { purged: () => undefined, badSetting: (name) => void badSettings.push(name) },
});
const never = { stopped: () => false, alive: () => undefined };
const purgeAll = () => purgeTenants(deps(), { after: '', event: '0' }, never);

/** Records and settles the next `limit` events as one batch. */
async function publish(limit: number): Promise<{ seq: number; batchId: string; ids: readonly string[] }> {
  const batch = await record(limit);
  await settleBatch(database.pool, {
    ...batch,
    placements: batch.ids.map((eventId, i) => ({ eventId, partition: 0, offset: String(i) })),
  });
  return batch;
}

async function record(limit: number) {
  const ref = kafkaOf(tenant);
  const { fence, recorded } = await takeOver(database.pool, ref, 'w');
  const { revision, events } = await selectPending(database.pool, ref, { limit });
  const ids = events.map((event) => event.id);
  const batch = { ref, fence, seq: recorded + 1, batchId: randomUUID(), ids };
  await recordBatch(database.pool, { ...batch, revision, eventIds: ids, grantId: 'g', bytes: 1 });
  return batch;
}

/** As if everything of the tenant had happened so long ago. */
async function age(ms: number, ids?: readonly string[]): Promise<void> {
  const past = `- $2::float8 * interval '1 ms'`;
  await database.pool.query(
    `update outbox.events set created_at = created_at ${past}, published_at = published_at ${past}, failed_at = failed_at ${past},
       skipped_at = skipped_at ${past}
     where tenant_id = $1 and ($3::bigint[] is null or event_id = any ($3))`,
    [tenant, ms, ids ?? null],
  );
  if (ids !== undefined) return;
  await database.pool.query(
    `update outbox.batches set recorded_at = recorded_at ${past}, settled_at = settled_at ${past} where tenant_id = $1`,
    [tenant, ms],
  );
}

const setStatus = (id: string | undefined, status: string) =>
  database.pool.query(
    `update outbox.events set status = $3::text, failed_at = clock_timestamp(),
       skipped_at = case when $3::text = 'skipped' then clock_timestamp() end where tenant_id = $1 and event_id = $2`,
    [tenant, id, status],
  );

async function account(): Promise<Record<string, number>> {
  const { rows } = await database.pool.query<{ status: string; n: number }>(
    `select status, count(*)::int as n from outbox.events where tenant_id = $1 group by 1
     union all select 'purged', (published + skipped)::int from outbox.purged where tenant_id = $1`,
    [tenant],
  );
  return Object.fromEntries(rows.map((row) => [row.status, row.n]));
}

it('deletes what was published or skipped long ago, nothing else, and counts it', async () => {
  const ids = await enqueueSome(database.pool, tenant, 8);
  await publish(4);
  await setStatus(ids[4], 'skipped');
  await setStatus(ids[5], 'failed');
  await age(2 * WEEK);
  // Accepted long ago, published just now: an outage must not eat the time to look at it.
  await database.pool.query(
    'update outbox.events set published_at = clock_timestamp() where tenant_id = $1 and event_id = $2',
    [tenant, ids[3]],
  );
  await enqueueSome(database.pool, tenant, 1);
  expect(await purgeAll()).toMatchObject({ published: 3, skipped: 1, done: true });
  expect(await account()).toEqual({ published: 1, failed: 1, pending: 3, purged: 4 });
  expect(await purgeAll()).toMatchObject({ published: 0, skipped: 0, done: true });
  expect(await account()).toEqual({ published: 1, failed: 1, pending: 3, purged: 4 });
});

it("keeps unsettled batches with their events, every publisher's row, and the last settled batch for the take-over", async () => {
  await enqueueSome(database.pool, tenant, 9);
  for (let i = 0; i < 3; i += 1) await publish(2);
  const open = await record(2);
  // A replayed event stays published while its batch is in doubt.
  await database.pool.query(
    `update outbox.events set status = 'published', published_at = clock_timestamp() where tenant_id = $1 and event_id = $2`,
    [tenant, open.ids[0]],
  );
  await age(2 * WEEK);
  expect(await purgeAll()).toMatchObject({ published: 6, batches: 2, done: true });
  expect(await account()).toEqual({ published: 1, pending: 2, purged: 6 });

  const ref = kafkaOf(tenant);
  const row = await readPublisher(database.pool, ref);
  const last = await readBatch(database.pool, ref, 3);
  const unsettled = await unsettledBatches(database.pool, ref);
  if (row === null || last === null) throw new Error('the row or its last settled batch is gone');
  expect(unsettled.map((batch) => batch.seq)).toEqual([4]);
  const verdict = reconcile(
    { ...row, settledBatchId: last.batchId, settledAt: last.recordedAt },
    unsettled,
    { seq: 4, batchId: open.batchId },
    WEEK,
    row.now,
  );
  expect(verdict).toMatchObject({ kind: 'proceed', settle: [{ seq: 4 }] });
  expect(await settleBatch(database.pool, { ...open, placements: null })).toBe(true);
});

it('an event that changed between the look and the delete stays', async () => {
  const ids = await enqueueSome(database.pool, tenant, 3);
  await publish(3);
  await age(2 * WEEK);
  const found = await expiredEvents(database.pool, tenant, WEEK, '0', 100);
  expect(found.ids).toEqual(ids);
  // A replay meanwhile: back to pending, and recorded.
  await setStatus(ids[0], 'pending');
  await record(1);
  await database.pool.query(`update outbox.events set status = 'published' where tenant_id = $1 and event_id = $2`, [
    tenant,
    ids[0],
  ]);
  expect(await purgeEvents(database.pool, tenant, WEEK, found.ids)).toMatchObject({ published: 2, skipped: 0 });
});

it('purges beside a drain that records and settles, and loses nothing', async () => {
  await enqueueSome(database.pool, tenant, 400);
  await publish(100);
  await age(2 * WEEK);
  const drain = (async () => {
    for (let i = 0; i < 10; i += 1) await publish(20);
  })();
  const purge = (async () => {
    for (let i = 0; i < 10; i += 1) await purgeAll();
  })();
  await Promise.all([drain, purge]);
  expect(await account()).toEqual({ published: 200, pending: 100, purged: 100 });
});

it("a tenant's own time wins; one that is not understood never deletes early", async () => {
  const other = `${tenant}-other`;
  await database.pool.query(`update outbox.tenants set settings = '{"retention": "30d"}' where tenant_id = $1`, [
    tenant,
  ]);
  await enqueueSome(database.pool, tenant, 2);
  await publish(2);
  await age(2 * WEEK);
  expect(await purgeAll()).toMatchObject({ published: 0 });
  await database.pool.query(`update outbox.tenants set settings = '{"retention": "36h"}' where tenant_id = $1`, [
    tenant,
  ]);
  expect(await purgeAll()).toMatchObject({ published: 2 });
  await database.pool.query(`insert into outbox.tenants (tenant_id, settings) values ($1, '{"retention": 5}')`, [
    other,
  ]);
  await purgeAll();
  expect(badSettings).toContain(other);
  expect(['1h', '30d', '59m', '0d', '1', 7, null, 'P1D', '9999999d'].map(parseRetention)).toEqual([
    HOUR,
    30 * 24 * HOUR,
    ...Array<null>(7).fill(null),
  ]);
});

it('stops within a tenant and goes on from there', async () => {
  await enqueueSome(database.pool, tenant, 1_200);
  await publish(1_200);
  await age(2 * WEEK);
  let looks = 0;
  const first = await purgeTenants(
    deps(),
    { after: `t${count - 1}z`, event: '0' },
    { stopped: () => looks > 0, alive: () => void (looks += 1) },
  );
  expect(first).toMatchObject({ published: 500, done: false, after: `t${count - 1}z` });
  const rest = await purgeTenants(deps(), first, never);
  expect(rest).toMatchObject({ published: 700, done: true });
});

it('leaves what a replay still needs, and deletes the copies of one that ended long ago', async () => {
  const ids = await enqueueSome(database.pool, tenant, 4);
  await publish(4);
  await age(2 * WEEK);
  const insertReplay = (id: string, state: string, last: string | undefined, ended: string | null) =>
    database.pool.query(
      `insert into outbox.replays (tenant_id, replay_id, destination, shard, state, selection, cut, last_event_id, total,
         started_by, why, ended_at)
       values ($1, $2, 'kafka', 0, $3, '{}', clock_timestamp(), $4, 2, 'test', 'test', clock_timestamp() - $5::interval)`,
      [tenant, id, state, last, ended],
    );
  const insertCopy = (id: string, event: string | undefined, status: string) =>
    database.pool.query(
      `insert into outbox.replay_events (tenant_id, event_id, replay_id, destination, shard, replay_count, status)
       values ($1, $2, $3, 'kafka', 0, 1, $4)`,
      [tenant, event, id, status],
    );
  await insertReplay('paused', 'paused', ids[1], null);
  await insertCopy('paused', ids[0], 'pending');
  await insertReplay('old', 'done', ids[3], '8 days');
  await insertCopy('old', ids[0], 'published');
  await insertReplay('young', 'cancelled', ids[3], '1 day');
  await insertCopy('young', ids[0], 'cancelled');
  expect(await purgeAll()).toMatchObject({ published: 2 });
  expect(await account()).toEqual({ published: 2, purged: 2 });
  const { rows } = await database.pool.query<{ replay_id: string }>(
    'select replay_id from outbox.replay_events where tenant_id = $1 order by 1',
    [tenant],
  );
  expect(rows.map((row) => row.replay_id)).toEqual(['paused', 'young']);
  await database.pool.query(`update outbox.replays set state = 'done' where tenant_id = $1 and replay_id = 'paused'`, [
    tenant,
  ]);
  expect(await purgeAll()).toMatchObject({ published: 2 });
});
