import { ADMIN_KEY, expectProblem, startTestApi } from '../api/support';
import type { TestApi } from '../api/support';
import { runOutboxctl } from '../cli/run-outboxctl';
import { adminKey, all, call } from './support';

const TENANTS = 620;
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  // As after the restore of an older database: everyone is halted. One has two destinations, and one is not halted.
  await api.pool.query(
    `with t as (insert into outbox.tenants (tenant_id) select 't' || lpad(n::text, 4, '0') from generate_series(1, ${TENANTS}) n
                returning tenant_id)
     insert into outbox.publishers (tenant_id, destination, shard, state, halted)
     select tenant_id, destination, 0, 'halted', '{"why": "the ledger is ahead", "since": 1}' from t
     cross join (values ('kafka'), ('webhook')) d (destination) where destination = 'kafka' or tenant_id = 't0003'`,
  );
  await api.createTenant('well');
});
afterAll(() => api.stop());

const names = Array.from({ length: TENANTS }, (_, i) => `t${String(i + 1).padStart(4, '0')}`);
const expected = [...names.slice(0, 3), 't0003', ...names.slice(3)];

test('each halted publisher once, page by page of tenants', async () => {
  for (const limit of [7, 3, 500]) {
    const found = await all(api, 'listHalted', 'halted', { query: { limit } });
    expect(found.map((one) => one['tenant_id'])).toEqual(expected);
  }
  const { body } = await call(api, 'listHalted');
  expect(body['halted']).toHaveLength(51);
  expect((body['halted'] as { kafka_reason: unknown }[])[49]?.kafka_reason).toBeNull();
  expect((body['halted'] as { kafka_reason: unknown }[])[50]?.kafka_reason).toContain('smaller pages');
  const own = await call(api, 'listHalted', { key: await adminKey(api, ['read'], 't0005') });
  expect(own.body).toMatchObject({ halted: [{ tenant_id: 't0005' }], next: null });
  expectProblem(await call(api, 'listHalted', { query: { cursor: 'abc' } }), 400, 'invalid_parameter');
});

test('outboxctl halted show follows the pages, and says where it stopped', async () => {
  const env = { OUTBOX_ADMIN_URL: api.adminUrl, OUTBOX_ADMIN_KEY: ADMIN_KEY };
  const shown = JSON.parse((await runOutboxctl(['halted', 'show', '--json'], env)).out) as Record<string, unknown>;
  expect((shown['halted'] as Record<string, unknown>[]).map((one) => one['tenant_id'])).toEqual(expected);
  expect(shown['next']).toBeNull();
  const some = await runOutboxctl(['halted', 'show', '--limit', '2'], env);
  expect(some.out.match(/^tenant_id +t\d+$/gm)).toHaveLength(2);
  expect(some.err).toContain('--cursor');
});
