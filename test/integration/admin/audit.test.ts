import { randomBytes } from 'node:crypto';
import { startTestApi } from '../api/support';
import type { TestApi } from '../api/support';
import { all, call } from './support';
import type { Input } from './support';

/** Each change: who, what, why, before and after. */
let api: TestApi;
/** Temporal is shared, so its workflow needs a name of its own. */
const tenant = `audit-${randomBytes(4).toString('hex')}`;
const why = 'a test';

beforeAll(async () => {
  api = await startTestApi();
  await api.createTenant(tenant);
  await api.pool.query(
    `insert into outbox.events (tenant_id, topic, event_type, ordering_key, dedupe_key, payload, status, error_code, failed_at, published_at)
     select $1, 'orders', 't', case when status = 'failed' then 'key-' || n end, status || n, '', status,
       case when status = 'failed' then 'EVENT_TOO_LARGE' end, case when status = 'failed' then now() end,
       case when status = 'published' then now() end
     from (values ('failed'), ('pending'), ('published')) s (status) cross join generate_series(1, 4) n`,
    [tenant],
  );
});
afterAll(() => api.stop());

const ids = async (status: string): Promise<string[]> => {
  const { rows } = await api.pool.query<{ id: string }>(
    `select event_id::text as id from outbox.events where tenant_id = $1 and dedupe_key like $2 || '%' order by event_id`,
    [tenant, status],
  );
  return rows.map((row) => row.id);
};
const entries = (action: string): Promise<Record<string, unknown>[]> =>
  all(api, 'listAudit', 'entries', { query: { action } });

/** Calls while no entry can be written: nothing may change then. */
async function unaudited(id: string, input: Input): Promise<void> {
  await api.pool.query('alter table outbox.audit add constraint broken check (false) not valid');
  const { status } = await call(api, id, input);
  await api.pool.query('alter table outbox.audit drop constraint broken');
  expect([id, status]).toEqual([id, expect.any(Number)]);
  expect(status).toBeGreaterThanOrEqual(400);
}

test('an order that the workflow did not answer is noted, since it may take effect', async () => {
  // No worker runs: Temporal has the order, and whoever comes first carries it out.
  const answer = await call(api, 'configureCircuit', { params: { tenant }, body: { failure_threshold: 7, why } });
  expect([answer.status, answer.body['detail']]).toEqual([503, expect.stringContaining('is not known')]);
  expect(await entries('circuit.configure')).toEqual([
    expect.objectContaining({
      actor: 'OUTBOX_ADMIN_KEY',
      tenant_id: tenant,
      why,
      before: expect.objectContaining({ threshold: 3 }),
      after: { outcome: 'unknown', ordered: { breaker: { threshold: 7 } } },
    }),
  ]);
});

test('a replay is started and changed together with its entry, or not at all', async () => {
  const events = await ids('published');
  const plan = await call(api, 'planReplay', { body: { tenant_id: tenant, event_ids: events } });
  const start = { body: { replay_id: 'r1', plan_id: plan.body['plan_id'], expected_count: 4, why } };
  const params = { tenant, replay_id: 'r1' };
  const state = async (): Promise<unknown> => (await call(api, 'getReplay', { params })).body['state'];
  await unaudited('startReplay', start);
  await unaudited('replayEvents', { body: { event_ids: events, tenant_id: tenant, why } });
  expect((await call(api, 'listReplays')).body['replays']).toEqual([]);
  await call(api, 'startReplay', start);
  for (const [verb, from, to] of [
    ['pause', 'running', 'paused'],
    ['resume', 'paused', 'running'],
    ['cancel', 'running', 'cancelled'],
  ] as const) {
    await unaudited(`${verb}Replay`, { params, body: { why } });
    expect(await state()).toBe(from);
    await call(api, `${verb}Replay`, { params, body: { why } });
    expect(await entries(`replay.${verb}`)).toEqual([
      expect.objectContaining({
        subject: 'r1',
        why,
        before: expect.objectContaining({ state: from, total: 4 }),
        after: expect.objectContaining({ state: to, total: 4 }),
      }),
    ]);
  }
  expect(await entries('replay.start')).toHaveLength(1);
});

test('what single events and keys were before', async () => {
  const [retried = '', skipped = ''] = await ids('failed');
  const [waiting = ''] = await ids('pending');
  const parked = (event_id: string) => ({ event_id, status: 'failed', error_code: 'EVENT_TOO_LARGE' });
  await call(api, 'retryEvents', { body: { tenant_id: tenant, event_ids: [retried], why } });
  await call(api, 'skipEvents', { body: { tenant_id: tenant, event_ids: [skipped, waiting], why } });
  const [third = '', fourth = ''] = (await ids('failed')).slice(2);
  await call(api, 'releaseKey', { body: { tenant_id: tenant, key: 'key-3', action: 'retry', why } });
  await call(api, 'releaseKey', { body: { tenant_id: tenant, key: 'key-4', action: 'skip', why } });
  const before = async (action: string): Promise<unknown> => (await entries(action)).map((entry) => entry['before']);
  expect(await before('event.retry')).toEqual([{ events: [parked(retried)] }]);
  expect(await before('event.skip')).toEqual([
    { events: expect.arrayContaining([parked(skipped), { event_id: waiting, status: 'pending', error_code: null }]) },
  ]);
  expect(await before('key.retry')).toEqual([{ events: [parked(third)] }]);
  expect(await before('key.skip')).toEqual([{ events: [parked(fourth)] }]);
});

test('tenants and keys: why they were made and revoked, and what a revoked key was', async () => {
  await call(api, 'createTenant', { body: { name: 'with-why', why } });
  const params = { tenant: 'with-why' };
  const key = (await call(api, 'createTenantKey', { params, body: { label: 'ci', why } })).body['key_id'];
  const admin = (await call(api, 'createAdminKey', { body: { label: 'n', scopes: ['read'], why } })).body['key_id'];
  const keyParams = { ...params, key_id: String(key) };
  await call(api, 'revokeTenantKey', { params: keyParams, body: { why } });
  await call(api, 'revokeAdminKey', { params: { id: String(admin) }, body: { why } });
  for (const [action, subject] of [
    ['tenant.create', null],
    ['key.create', key],
    ['admin_key.create', admin],
  ] as const) {
    expect((await entries(action))[0]).toMatchObject({ subject, why, before: null });
  }
  for (const [action, subject] of [
    ['key.revoke', key],
    ['admin_key.revoke', admin],
  ] as const) {
    expect((await entries(action))[0]).toMatchObject({
      subject,
      why,
      before: { key_id: subject, revoked_at: null },
      after: { key_id: subject, revoked_at: expect.any(String) as string },
    });
  }
  await call(api, 'revokeTenantKey', { params: keyParams });
  const [again] = await entries('key.revoke');
  expect(again).toMatchObject({ why: null });
  expect(again?.['before']).toEqual(again?.['after']);
});

test('what a deleted tenant was', async () => {
  await call(api, 'deleteTenant', { params: { tenant }, query: { force: 'true' }, body: { why } });
  expect(await entries('tenant.delete')).toEqual([
    expect.objectContaining({
      tenant_id: tenant,
      why,
      before: { status: 'active', settings: {} },
      after: expect.objectContaining({ deleted: true }),
    }),
  ]);
});
