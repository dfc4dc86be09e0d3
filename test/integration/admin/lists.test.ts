import { startTestApi, expectProblem } from '../api/support';
import type { TestApi } from '../api/support';
import { countEvents, listEvents } from '../../../src/postgres/event-list';
import { adminKey, all, call } from './support';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  for (const tenant of ['acme', 'globex', 'empty']) await api.createTenant(tenant);
  // 60 events of two tenants: every third of each state but pending, several within one microsecond.
  await api.pool.query(
    `insert into outbox.events (tenant_id, topic, event_type, ordering_key, dedupe_key, content_type, payload, status, created_at,
       error_code, error_reason, failed_at, published_at, headers)
     select t.tenant, case when n % 2 = 0 then 'orders.eu' else 'payments' end, 'type-' || n % 3, 'key-' || n % 4, 'd' || n,
       'application/json', convert_to(format('{"n":%s}', n), 'UTF8'), s.status,
       '2026-01-01T00:00:00Z'::timestamptz + (n / 3) * interval '1 s',
       case when s.status = 'failed' then case when n % 2 = 0 then 'EVENT_TOO_LARGE' else 'EVENT_REFUSED' end end,
       case when s.status = 'failed' then 'too large' end, case when s.status = 'failed' then now() end,
       case when s.status = 'published' then now() end, case when n = 1 then '{"a":"b"}'::jsonb end
     from generate_series(1, 30) n cross join (values ('acme'), ('globex')) t (tenant)
     cross join lateral (select (array['pending', 'published', 'failed', 'skipped'])[1 + n % 4] as status) s
     order by n`,
  );
});
afterAll(() => api.stop());

const ids = (events: readonly Record<string, unknown>[]): string[] => events.map((event) => String(event['id']));

async function expected(where: string): Promise<string[]> {
  const { rows } = await api.pool.query<{ id: string }>(
    `select event_id::text as id from outbox.events where ${where} order by event_id`,
  );
  return rows.map((row) => row.id);
}

describe('events', () => {
  test.each(['pending', 'published', 'sent', 'failed', 'skipped'])(
    'every %s event once, whatever the page size',
    async (status) => {
      const wanted = await expected(`status = '${status === 'sent' ? 'published' : status}'`);
      for (const limit of [1, 2, 7, 500]) {
        const found = await all(api, 'listEvents', 'events', { query: { status, limit } });
        expect(ids(found).sort((a, b) => Number(a) - Number(b))).toEqual(wanted);
      }
      const ofAcme = await all(api, 'listTenantEvents', 'events', {
        params: { tenant: 'acme' },
        query: { status, limit: 3 },
      });
      expect(ofAcme.map((event) => event['tenant_id'])).toEqual(ofAcme.map(() => 'acme'));
      const first = await call(api, 'listEvents', { query: { status, limit: 2 } });
      expect(first.body).toMatchObject({ count: 2, total: { count: wanted.length, exact: true } });
    },
  );

  test('pending ones come in the order in which they will be sent, failed ones oldest first, published ones newest first', async () => {
    const times = async (status: string): Promise<number[]> =>
      (await all(api, 'listEvents', 'events', { query: { tenant: 'acme', status, limit: 4 } })).map((event) =>
        Number(event['id']),
      );
    const ascending = (list: number[]): number[] => [...list].sort((a, b) => a - b);
    for (const status of ['pending', 'failed', 'skipped'])
      expect(await times(status)).toEqual(ascending(await times(status)));
    expect(await times('published')).toEqual(ascending(await times('published')).reverse());
  });

  test.each<[Record<string, string>, string]>([
    [{ topic_filter: 'orders' }, `status = 'pending' and topic like '%orders%'`],
    [{ topic_filter: '%' }, 'false'],
    [{ status: 'failed', error_code: 'EVENT_REFUSED' }, `status = 'failed' and error_code = 'EVENT_REFUSED'`],
    [
      { status: 'published', key: 'key-1', type: 'type-2' },
      `status = 'published' and ordering_key = 'key-1' and event_type = 'type-2'`,
    ],
    [
      { status: 'failed', after_timestamp: '2026-01-01T01:00:03+01:00' },
      `status = 'failed' and created_at >= '2026-01-01T00:00:03Z'`,
    ],
    [
      { before_timestamp: '2026-01-01T00:00:03Z', tenant: 'globex' },
      `status = 'pending' and tenant_id = 'globex' and created_at < '2026-01-01T00:00:03Z'`,
    ],
    [{ tenant: 'nobody' }, 'false'],
  ])('filter %j', async (query, where) => {
    const found = await all(api, 'listEvents', 'events', { query: { ...query, limit: 2 } });
    expect(ids(found).sort((a, b) => Number(a) - Number(b))).toEqual(await expected(where));
    const { body } = await call(api, 'listEvents', { query });
    expect(body['total']).toEqual({ count: found.length, exact: true });
  });

  test('one event, with its payload only for who asks and may', async () => {
    const { rows } = await api.pool.query<{ id: string }>(
      `select event_id::text as id from outbox.events where tenant_id = 'acme' and dedupe_key = 'd1'`,
    );
    const params = { tenant: 'acme', id: rows[0]?.id ?? '' };
    const plain = await call(api, 'getEvent', { params });
    expect(plain.body).toMatchObject({
      tenant_id: 'acme',
      dedupe_key: 'd1',
      headers: { a: 'b' },
      payload_bytes: 7,
      lane: 'live',
    });
    expect(plain.body).not.toHaveProperty('payload_base64');
    const whole = await call(api, 'getEvent', { params, query: { payload: 'true' } });
    expect(Buffer.from(String(whole.body['payload_base64']), 'base64').toString()).toBe('{"n":1}');
    const reader = await adminKey(api, ['read']);
    expect((await call(api, 'getEvent', { params, key: reader })).status).toBe(200);
    expectProblem(await call(api, 'getEvent', { params, query: { payload: 'true' }, key: reader }), 403, 'forbidden');
    expectProblem(await call(api, 'listEvents', { query: { payload: 'true' }, key: reader }), 403, 'forbidden');
    expectProblem(await call(api, 'getEvent', { params: { ...params, tenant: 'globex' } }), 404, 'not_found');
    const listed = await all(api, 'listEvents', 'events', { query: { payload: 'true' } });
    expect(listed.every((event) => typeof event['payload_base64'] === 'string')).toBe(true);
  });

  test('a cursor goes with its own list only', async () => {
    const { body } = await call(api, 'listEvents', { query: { limit: 1 } });
    const cursor = String(body['next']);
    expectProblem(await call(api, 'listEvents', { query: { cursor, status: 'failed' } }), 400, 'invalid_parameter');
    expectProblem(await call(api, 'listPublishers', { query: { cursor } }), 400, 'invalid_parameter');
    expectProblem(await call(api, 'listAudit', { query: { cursor } }), 400, 'invalid_parameter');
  });
});

test('the summary counts each tenant and all of them', async () => {
  const { rows } = await api.pool.query<{ status: string; n: number }>(
    `select status, count(*)::int as n from outbox.events where tenant_id = 'acme' group by status`,
  );
  const n = Object.fromEntries(rows.map((row) => [row.status, row.n]));
  const tenants = await all(api, 'summarizeOutbox', 'tenants', { query: { limit: 1 } });
  expect(tenants).toHaveLength(3);
  expect(tenants[0]).toEqual({
    tenant_id: 'acme',
    pending_count: n['pending'],
    published_count: n['published'],
    sent_count: n['published'],
    failed_count: n['failed'],
    skipped_count: n['skipped'],
    total_count: 30,
    exact: true,
    oldest_pending_at: '2026-01-01T00:00:01.000Z',
  });
  expect(tenants[1]).toMatchObject({ tenant_id: 'empty', total_count: 0, oldest_pending_at: null });
  const { body } = await call(api, 'summarizeOutbox');
  expect(body).toMatchObject({ total_tenants: 3, total_pending: 2 * (n['pending'] ?? 0), exact: true, next: null });
});

describe('on a large table', () => {
  beforeAll(async () => {
    await api.pool.query(
      `insert into outbox.events (tenant_id, topic, event_type, dedupe_key, status, payload, published_at)
       select 'big', 'orders', 't', 'p' || n, 'published', '', now() from generate_series(1, 120000) n`,
    );
    await api.pool.query(
      `insert into outbox.events (tenant_id, topic, event_type, dedupe_key, status, payload)
       select 'big', case when n = 11000 then 'needle' else 'orders' end, 't', 'q' || n, 'pending', '' from generate_series(1, 11000) n`,
    );
    await api.pool.query('vacuum analyze outbox.events');
    await api.createTenant('big');
  });

  const filter = {
    status: 'pending',
    tenant: 'big',
    topic: null,
    type: null,
    key: null,
    errorCode: null,
    after: null,
    before: null,
  } as const;

  test('counts are capped and say so; a filter that matches little costs several requests, not a long one', async () => {
    expect(await countEvents(api.pool, filter)).toEqual({ count: 10_000, exact: false });
    expect(await countEvents(api.pool, { ...filter, status: 'published' })).toEqual({ count: 10_000, exact: false });
    expect(await countEvents(api.pool, { ...filter, topic: 'needle' })).toEqual({ count: 1, exact: true });
    expect(await all(api, 'listEvents', 'events', { query: { topic_filter: 'needle' } })).toHaveLength(1);
    const published = { ...filter, status: 'published', topic: 'nowhere' } as const;
    const first = await listEvents(api.pool, published, { position: null, limit: 50, payload: false });
    expect(first.events).toHaveLength(0);
    expect(first.next).not.toBeNull();
    expect(await all(api, 'listEvents', 'events', { query: { topic_filter: 'nowhere', status: 'published' } })).toEqual(
      [],
    );
    const { body } = await call(api, 'summarizeOutbox', { query: { tenant: 'big' } });
    expect(body).toMatchObject({
      tenants: [{ pending_count: 10_000, published_count: 10_000, total_count: 10_000, exact: false }],
      exact: false,
    });
  });

  test('no list and no count reads the whole table or sorts a backlog', async () => {
    const seen: string[] = [];
    const client = await api.pool.connect();
    try {
      // The statements as the functions send them, each explained before it runs.
      const explaining = {
        async query(text: string, values: unknown[]) {
          const plan = await client.query<{ 'QUERY PLAN': object }>(`explain (format json) ${text}`, values);
          seen.push(JSON.stringify(plan.rows[0]?.['QUERY PLAN']));
          return client.query(text, values);
        },
      } as unknown as Parameters<typeof listEvents>[0];
      for (const status of ['pending', 'published', 'failed', 'skipped'] as const) {
        for (const tenant of [null, 'big']) {
          const of = { ...filter, status, tenant };
          const page = await listEvents(explaining, of, { position: null, limit: 50, payload: false });
          if (page.next !== null) await listEvents(explaining, of, { position: page.next, limit: 50, payload: false });
          await countEvents(explaining, of);
        }
      }
    } finally {
      client.release();
    }
    expect(seen.length).toBeGreaterThan(20);
    for (const plan of seen) {
      expect(plan).not.toContain('"Seq Scan"');
      // Incremental: within one tenant and microsecond. Of a whole backlog it would be a plain one under the limit.
      const sorts = [...plan.matchAll(/"Node Type": ?"Sort"[^}]*?"Plan Rows": ?(\d+)/g)].map((match) =>
        Number(match[1]),
      );
      expect(Math.max(0, ...sorts)).toBeLessThan(1_000);
    }
  });
});
