import { ADMIN_KEY, admin, expectProblem, startTestApi } from '../api/support';
import type { TestApi } from '../api/support';
import { ROUTES, adminKey, all, call } from './support';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  for (const tenant of ['acme', 'globex']) await api.createTenant(tenant);
});
afterAll(() => api.stop());

const SCOPES = ['read', 'payload', 'replay', 'operate', 'admin'];
/** Parts of URLs that exist for nobody, so that an allowed call is harmless. */
const VALUES: Readonly<Record<string, string>> = { tenant: 'nobody', id: '1', key_id: 'abc', replay_id: 'r1' };
const url = (path: string, tenant = 'nobody'): string =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => (name === 'tenant' ? tenant : (VALUES[name] ?? 'x')));

test('the life of an admin key: shown once, used, listed without its secret, revoked at once', async () => {
  const created = await call(api, 'createAdminKey', { body: { label: 'night shift', scopes: ['read', 'admin'] } });
  expect(created.body).toMatchObject({
    label: 'night shift',
    scopes: ['read', 'admin'],
    tenant: null,
    created_by: 'OUTBOX_ADMIN_KEY',
  });
  const key = String(created.body['key']);
  expect(key).toMatch(/^obx_admin_[0-9a-f]{12}_[0-9a-f]{64}_[0-9a-f]{8}$/);
  const secret = key.split('_')[3] ?? '';
  expect((await call(api, 'listPublishers', { key })).status).toBe(200);
  const listed = await all(api, 'listAdminKeys', 'keys', { query: { limit: 1 }, key });
  expect(listed.find((one) => one['key_id'] === created.body['key_id'])).toMatchObject({
    last_used_at: expect.any(String),
  });
  const { rows } = await api.pool.query<{ text: string }>(
    'select k::text as text from outbox.admin_keys k union all select a::text from outbox.audit a',
  );
  for (const text of [JSON.stringify(listed), api.logged(), rows.map((row) => row.text).join()])
    expect(text).not.toContain(secret);
  const params = { id: String(created.body['key_id']) };
  expect((await call(api, 'revokeAdminKey', { params, key })).status).toBe(204);
  expectProblem(await call(api, 'listPublishers', { key }), 401, 'unauthenticated');
  expect((await call(api, 'revokeAdminKey', { params })).status).toBe(204);
});

test('an expired key, a changed one and a tenant key are no admin keys', async () => {
  const key = await adminKey(api, ['read']);
  await api.pool.query("update outbox.admin_keys set expires_at = now() - interval '1 s' where label = 'test read'");
  expectProblem(await call(api, 'listPublishers', { key }), 401, 'unauthenticated');
  const other = await adminKey(api, ['read']);
  const swapped = other.slice(0, 30) + (other[30] === '0' ? '1' : '0') + other.slice(31);
  for (const wrong of [swapped, `${other}0`, other.replace('admin_', ''), await api.createTenant('tenant-key')]) {
    expectProblem(await call(api, 'listPublishers', { key: wrong }), 401, 'unauthenticated');
  }
  expectProblem(
    await call(api, 'createAdminKey', { body: { label: 'x', scopes: ['read'], expires_at: '2020-01-01T00:00:00Z' } }),
    422,
  );
});

test('each route needs its own scope, all the others together are not enough', async () => {
  const without = new Map<string, string>();
  for (const scope of SCOPES)
    without.set(
      scope,
      await adminKey(
        api,
        SCOPES.filter((other) => other !== scope),
      ),
    );
  for (const { method, path, scope } of ROUTES) {
    const answer = await admin(api, method.toUpperCase(), url(path), undefined, without.get(scope) ?? null);
    expectProblem(answer, 403, 'forbidden');
    expect([path, answer.body['detail']]).toEqual([path, expect.stringContaining(`"${scope}"`)]);
  }
});

test('a key of one tenant: foreign tenants are 403 whether they exist or not, lists are cut to its own', async () => {
  const key = await adminKey(api, SCOPES, 'acme');
  for (const route of ROUTES) {
    const method = route.method.toUpperCase();
    if (route.reach === 'all') {
      expectProblem(await admin(api, method, url(route.path), undefined, key), 403, 'forbidden');
    } else if (route.path.includes('{tenant}')) {
      const [known, unknown] = await Promise.all(
        ['globex', 'nobody'].map((tenant) => admin(api, method, url(route.path, tenant), undefined, key)),
      );
      expectProblem(known as never, 403, 'forbidden');
      expect(known?.body['detail']).toBe(unknown?.body['detail']);
    } else if ('tenant' in (route.query?.shape ?? {})) {
      expectProblem(await admin(api, method, `${route.path}?tenant=globex`, undefined, key), 403, 'forbidden');
    }
  }
  await api.pool.query(
    `insert into outbox.events (tenant_id, topic, event_type, dedupe_key, payload) values ('acme', 't', 't', 'a', ''), ('globex', 't', 't', 'b', '')`,
  );
  const tenantsOf = async (id: string, items: string, name: string): Promise<unknown[]> => [
    ...new Set((await all(api, id, items, { key })).map((one) => one[name])),
  ];
  expect(await tenantsOf('listEvents', 'events', 'tenant_id')).toEqual(['acme']);
  expect(await tenantsOf('listPublishers', 'publishers', 'tenant_id')).toEqual(['acme']);
  expect(await tenantsOf('listQuotas', 'quotas', 'tenant_id')).toEqual(['acme']);
  expect(await tenantsOf('listAudit', 'entries', 'tenant_id')).toEqual(['acme']);
  expect(await tenantsOf('listAdminKeys', 'keys', 'tenant')).toEqual(['acme']);
  const summary = await call(api, 'summarizeOutbox', { key });
  expect(summary.body).toMatchObject({ tenants: [{ tenant_id: 'acme' }], total_tenants: 1, total_pending: 1 });
  const tenants = await call(api, 'listTenants', { key });
  expect(tenants.body['tenants']).toHaveLength(1);
});

test('nobody gives rights that the own key lacks, nor reaches beyond the own tenant', async () => {
  const key = await adminKey(api, ['read', 'admin'], 'acme');
  const make = (body: object, by: string): ReturnType<typeof call> =>
    call(api, 'createAdminKey', { body: { label: 'x', ...body }, key: by });
  expectProblem(await make({ scopes: ['operate'] }, key), 403, 'forbidden');
  expectProblem(await make({ scopes: ['read'], tenant: 'globex' }, key), 403, 'forbidden');
  expect((await make({ scopes: ['read'] }, key)).body).toMatchObject({ tenant: 'acme' });
  const foreign = await call(api, 'createAdminKey', { body: { label: 'for all', scopes: ['read'] } });
  expectProblem(
    await call(api, 'revokeAdminKey', { params: { id: String(foreign.body['key_id']) }, key }),
    404,
    'not_found',
  );
});

test('changes of tenants and keys are in the audit, those that were refused are not', async () => {
  await call(api, 'createTenant', { body: { name: 'audited' } });
  expectProblem(await call(api, 'createTenant', { body: { name: 'audited' } }), 409);
  const created = await call(api, 'createTenantKey', { params: { tenant: 'audited' }, body: { label: 'second' } });
  const key_id = String(created.body['key_id']);
  await call(api, 'revokeTenantKey', { params: { tenant: 'audited', key_id } });
  expectProblem(await call(api, 'revokeTenantKey', { params: { tenant: 'audited', key_id: 'none' } }), 404);
  const entries = await all(api, 'listAudit', 'entries', { query: { tenant: 'audited', limit: 2 } });
  expect(entries.map((entry) => [entry['action'], entry['actor'], entry['subject']])).toEqual([
    ['key.revoke', 'OUTBOX_ADMIN_KEY', key_id],
    ['key.create', 'OUTBOX_ADMIN_KEY', key_id],
    ['tenant.create', 'OUTBOX_ADMIN_KEY', null],
  ]);
  const creations = await all(api, 'listAudit', 'entries', { query: { action: 'tenant.create', tenant: 'audited' } });
  expect(creations).toHaveLength(1);
});

test('a change whose audit entry cannot be written does not happen', async () => {
  await api.pool.query('alter table outbox.audit add constraint broken check (false) not valid');
  const answer = await call(api, 'createTenant', { body: { name: 'unaudited' } });
  await api.pool.query('alter table outbox.audit drop constraint broken');
  expect(answer.status).toBeGreaterThanOrEqual(400);
  expect((await call(api, 'listTenantKeys', { params: { tenant: 'unaudited' } })).status).toBe(404);
});

test('the document is served, to keys of one tenant too', async () => {
  const key = await adminKey(api, ['read'], 'acme');
  const served = await call(api, 'getOpenApi', { key });
  expect(served.body).toMatchObject({
    openapi: '3.1.0',
    paths: { '/admin/outbox': { get: { operationId: 'listEvents' } } },
  });
  expectProblem(await admin(api, 'GET', '/admin/openapi.json', undefined, null), 401);
  expect(JSON.stringify(served.body)).not.toContain(ADMIN_KEY);
});
