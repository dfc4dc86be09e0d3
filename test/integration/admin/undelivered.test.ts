import { startTestApi, expectProblem } from '../api/support';
import type { TestApi } from '../api/support';
import { adminKey, all, call } from './support';

const TENANTS = 30;
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  // Every third tenant has nothing to say: all of it is published, or there never was an event.
  await api.pool.query(
    `with t as (insert into outbox.tenants (tenant_id) select 't' || lpad(n::text, 3, '0') from generate_series(1, ${TENANTS}) n
                returning tenant_id, substr(tenant_id, 2)::int as n),
          p as (insert into outbox.publishers (tenant_id, destination, shard, state, blocked)
                select tenant_id, 'kafka', 0, 'open', '{"gone": "KAFKA_TOPIC_MISSING"}' from t)
     insert into outbox.events (tenant_id, topic, event_type, dedupe_key, payload, status, published_at, error_code, failed_at)
     select tenant_id, topic, 't', 'd-' || topic, '', status, case when status = 'published' then now() end,
       case when status = 'failed' then 'EVENT_TOO_LARGE' end, case when status = 'failed' then now() end
     from t cross join (values ('gone'), ('there')) o (topic)
     cross join lateral (select (array['published', 'pending', 'failed'])[1 + n % 3] as status) s`,
  );
});
afterAll(() => api.stop());

const withSomething = Array.from({ length: TENANTS }, (_, i) => i + 1)
  .filter((n) => n % 3 !== 0)
  .map((n) => `t${String(n).padStart(3, '0')}`);

test('each tenant that has something once, whatever the page size', async () => {
  for (const limit of [1, 7, withSomething.length, 500]) {
    const found = await all(api, 'listUndelivered', 'tenants', { query: { limit } });
    expect(found.map((one) => one['tenant_id'])).toEqual(withSomething);
  }
  const { body } = await call(api, 'listUndelivered', { query: { limit: 7 } });
  expect(body['tenants']).toHaveLength(7);
  expect(body['next']).not.toBeNull();
});

test('a blocked topic is told with its code beside what the publisher itself waits for', async () => {
  const { body } = await call(api, 'listUndelivered', { query: { tenant: 't001' } });
  expect(body).toMatchObject({
    tenants: [
      {
        tenant_id: 't001',
        reasons: [
          { reason: 'blocked', error_code: 'KAFKA_TOPIC_MISSING', topic: 'gone', count: 1, exact: true },
          { reason: 'open', error_code: null, topic: 'there', count: 1, exact: true },
        ],
      },
    ],
    next: null,
  });
  const parked = await call(api, 'listUndelivered', { query: { tenant: 't002' } });
  expect(parked.body['tenants']).toMatchObject([{ reasons: [{ reason: 'failed' }, { reason: 'failed' }] }]);
});

test('a key of one tenant sees its own, with any cursor; a foreign cursor is refused', async () => {
  const key = await adminKey(api, ['read'], 't004');
  const own = await call(api, 'listUndelivered', { key });
  expect(own.body['tenants']).toMatchObject([{ tenant_id: 't004' }]);
  const cursor = String((await call(api, 'listUndelivered', { query: { limit: 1 } })).body['next']);
  expect((await call(api, 'listUndelivered', { query: { cursor }, key })).body['tenants']).toMatchObject([
    { tenant_id: 't004' },
  ]);
  expectProblem(await call(api, 'listHeldKeys', { query: { cursor } }), 400, 'invalid_parameter');
  expectProblem(await call(api, 'listUndelivered', { query: { cursor: 'abc' } }), 400, 'invalid_parameter');
});

test('while everything is paused, that is what events wait for; what is parked stays so', async () => {
  await api.pool.query(`update outbox.publishers set state = 'sleeping' where tenant_id = 't004'`);
  const reasons = async (tenant: string): Promise<unknown> => {
    const { body } = await call(api, 'listUndelivered', { query: { tenant } });
    const [found] = body['tenants'] as { reasons: { reason: string; topic: string }[] }[];
    return found?.reasons.map(({ reason, topic }) => `${reason} ${topic}`);
  };
  const everywhere = ['t001', 't004', 't002'];
  await call(api, 'pauseAll', { body: { why: 'a test' } });
  const paused = await Promise.all(everywhere.map(reasons));
  await call(api, 'resumeAll', { body: { why: 'a test' } });
  expect(paused).toEqual([
    ['paused gone', 'paused there'],
    ['paused gone', 'paused there'],
    ['failed gone', 'failed there'],
  ]);
  expect(await reasons('t004')).toEqual(['blocked gone', 'pending there']);
});

test('one page of 10,000 tenants reads only its own', async () => {
  await api.pool.query(
    `with t as (insert into outbox.tenants (tenant_id) select 'u' || n from generate_series(1, 10000) n returning tenant_id),
          p as (insert into outbox.publishers (tenant_id, destination, shard) select tenant_id, 'kafka', 0 from t)
     insert into outbox.events (tenant_id, topic, event_type, dedupe_key, payload)
     select tenant_id, 'orders', 't', 'd' || k, '' from t cross join generate_series(1, 5) k`,
  );
  await api.pool.query('vacuum analyze outbox.events, outbox.publishers');
  const started = Date.now();
  const { body } = await call(api, 'listUndelivered');
  expect(body['tenants']).toHaveLength(50);
  expect(Date.now() - started).toBeLessThan(1_000);
  expect(await all(api, 'listUndelivered', 'tenants', { query: { limit: 500 } })).toHaveLength(
    10_000 + withSomething.length,
  );
});
