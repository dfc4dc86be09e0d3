import { purgeTenants } from '../../../src/activities/retention';
import type { RetentionDeps } from '../../../src/activities/retention';
import { parseRetention } from '../../../src/domain/retention';
import { expiredEvents, purgeEvents } from '../../../src/postgres/retention';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { enqueueSome } from '../../support/events';
import { RelayRows } from '../../support/relay-rows';

const HOUR = 3_600_000;
const WEEK = 7 * 24 * HOUR;

let database: TestDatabase;
let relay: RelayRows;
let tenant: string;
let count = 0;
beforeAll(async () => {
  database = await createTestDatabase();
  relay = await RelayRows.take(database.pool);
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

/** Publishes the next `limit` events in one transaction. */
async function publish(limit: number): Promise<void> {
  const { rows } = await database.pool.query<{ id: string }>(
    `select event_id::text as id from outbox.events where tenant_id = $1 and status = 'pending' order by event_id limit $2`,
    [tenant, limit],
  );
  await relay.publish(
    tenant,
    rows.map(({ id }) => id),
  );
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

it('keeps what was sent and could not be marked yet', async () => {
  const ids = await enqueueSome(database.pool, tenant, 4);
  await publish(4);
  await database.pool.query(
    'insert into outbox.unsettled (tenant_id, event_id, fingerprint, relay, seq) values ($1, $2, 0, 0, 1)',
    [tenant, ids[0]],
  );
  await age(2 * WEEK);
  expect(await purgeAll()).toMatchObject({ published: 3, done: true });
  expect(await account()).toEqual({ published: 1, purged: 3 });
});

it('an event that changed between the look and the delete stays', async () => {
  const ids = await enqueueSome(database.pool, tenant, 3);
  await publish(3);
  await age(2 * WEEK);
  const found = await expiredEvents(database.pool, tenant, WEEK, '0', 100);
  expect(found.ids).toEqual(ids);
  // A replay put it back meanwhile, and it was published again just now.
  await database.pool.query(
    'update outbox.events set published_at = clock_timestamp() where tenant_id = $1 and event_id = $2',
    [tenant, ids[0]],
  );
  expect(await purgeEvents(database.pool, tenant, WEEK, found.ids)).toMatchObject({ published: 2, skipped: 0 });
});

it('purges beside settles, and loses nothing', async () => {
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
