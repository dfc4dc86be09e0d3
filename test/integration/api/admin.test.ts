import { ADMIN_KEY, admin, event, expectProblem, get, post, startTestApi } from './support';
import type { TestApi } from './support';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('keys', () => {
  test('the life of a key: shown once, used, listed without its secret, revoked within 5 s', async () => {
    const created = await admin(api, 'POST', '/admin/tenants', { name: 'acme' });
    expect(created.status).toBe(201);
    expect(created.body).toEqual({ tenant: 'acme', key: expect.stringMatching(/^obx_/), key_id: expect.any(String) });
    const key = String(created.body['key']);
    expect((await post(api, event(), { key })).status).toBe(202);

    const second = await admin(api, 'POST', '/admin/tenants/acme/keys', { label: 'rotation', scopes: ['ingest'] });
    expect(second.status).toBe(201);
    expect(second.body).toMatchObject({ tenant: 'acme', label: 'rotation', scopes: ['ingest'], revoked_at: null });
    const list = await admin(api, 'GET', '/admin/tenants/acme/keys');
    expect(list.body['keys']).toHaveLength(2);
    for (const secret of [key, String(second.body['key'])]) {
      expect(JSON.stringify(list.body)).not.toContain(secret.split('_')[2]);
      expect(api.logged()).not.toContain(secret);
    }
    const { rows } = await api.pool.query<{ text: string }>('select k::text as text from outbox.api_keys k');
    expect(rows.map((row) => row.text).join()).not.toContain(key.split('_')[2]);

    const path = `/admin/tenants/acme/keys/${String(created.body['key_id'])}`;
    expect((await admin(api, 'DELETE', path)).status).toBe(204);
    expect((await admin(api, 'DELETE', path)).status).toBe(204);
    await pause(5_000);
    expectProblem(await post(api, event(), { key }), 401, 'unauthenticated');
    expect((await post(api, event(), { key: String(second.body['key']) })).status).toBe(202);
  });

  test('the matrix of routes and keys', async () => {
    const own = await api.createTenant('matrix');
    const make = async (body: unknown): Promise<string> =>
      String((await admin(api, 'POST', '/admin/tenants/matrix/keys', body)).body['key']);
    const ingest = await make({ scopes: ['ingest'] });
    const read = await make({ scopes: ['read'] });
    const stored = await post(api, event(), { key: own });
    const id = String(stored.body['id']);
    const swapped = own.slice(0, -1) + (own.endsWith('0') ? '1' : '0');
    const wrong = [undefined, '', 'x', 'obx_', swapped, ADMIN_KEY, `${own}x`, 'é'];
    for (const key of wrong) {
      const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${encodeURI(key)}` };
      expectProblem(await post(api, event(), { headers }), 401);
      expectProblem(await post(api, [event()], { headers, path: '/v1/events/batch' }), 401);
      expectProblem(await get(api, `/v1/events/${id}`, key === undefined ? undefined : encodeURI(key)), 401);
    }
    for (const scheme of ['Basic ', '', 'Token ']) {
      const answer = await post(api, event(), { headers: { authorization: `${scheme}${own}` } });
      expectProblem(answer, 401);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    }
    expect((await post(api, event(), { key: ingest })).status).toBe(202);
    expectProblem(await post(api, event(), { key: read }), 403, 'forbidden');
    expectProblem(await post(api, [event()], { key: read, path: '/v1/events/batch' }), 403, 'forbidden');
    expect((await get(api, `/v1/events/${id}`, read)).status).toBe(200);
    expectProblem(await get(api, `/v1/events/${id}`, ingest), 403, 'forbidden');
  });

  test('a suspended tenant is refused, an expired key too', async () => {
    const key = await api.createTenant('suspended');
    await api.pool.query("update outbox.tenants set status = 'suspended' where tenant_id = 'suspended'");
    expectProblem(await post(api, event(), { key }), 403, 'forbidden');
    const expired = await api.createTenant('expired');
    await api.pool.query("update outbox.api_keys set expires_at = now() - interval '1 s' where tenant_id = 'expired'");
    expectProblem(await post(api, event(), { key: expired }), 401, 'unauthenticated');
  });
});

describe('the admin API', () => {
  test('needs the admin key on every route and method', async () => {
    const tenant = await api.createTenant('guarded');
    for (const key of [null, 'x', `${ADMIN_KEY}x`, ADMIN_KEY.slice(0, -1), tenant]) {
      for (const [method, path] of [
        ['GET', '/admin/tenants'],
        ['POST', '/admin/tenants'],
        ['GET', '/admin/tenants/guarded/keys'],
        ['POST', '/admin/tenants/guarded/keys'],
        ['DELETE', '/admin/tenants/guarded/keys/x'],
        ['GET', '/admin/anything'],
      ] as const) {
        expectProblem(await admin(api, method, path, undefined, key), 401, 'unauthenticated');
      }
    }
    expectProblem(await get(api, '/admin/tenants', ADMIN_KEY), 404);
    expectProblem(await get(api, '/metrics'), 404);
  });

  test.each(['', '..', 'a..b', '.a', '-a', 'a/b', 'a b', 'ö', 'x'.repeat(101), '_system', null, 5, ['a']])(
    'tenant name %j is refused',
    async (name) => expectProblem(await admin(api, 'POST', '/admin/tenants', { name }), 422, 'invalid_body'),
  );

  test('other bad input', async () => {
    await api.createTenant('once');
    expectProblem(await admin(api, 'POST', '/admin/tenants', { name: 'once' }), 409, 'already_exists');
    expectProblem(await admin(api, 'POST', '/admin/tenants', { name: 'x', extra: 1 }), 422);
    expectProblem(await admin(api, 'POST', '/admin/tenants'), 400, 'malformed_json');
    for (const body of [{ scopes: [] }, { scopes: ['admin'] }, { label: '' }, { label: 'a\nb' }, { other: 1 }, []]) {
      expectProblem(await admin(api, 'POST', '/admin/tenants/once/keys', body), 422, 'invalid_body');
    }
    expectProblem(await admin(api, 'POST', '/admin/tenants/nobody/keys', {}), 404, 'not_found');
    expectProblem(await admin(api, 'GET', '/admin/tenants/nobody/keys'), 404, 'not_found');
    expectProblem(await admin(api, 'GET', '/admin/tenants/%2e%2e%2f/keys'), 400);
    expectProblem(await admin(api, 'DELETE', '/admin/tenants/once/keys/abcdef'), 404, 'not_found');
    expectProblem(await admin(api, 'DELETE', "/admin/tenants/once/keys/';drop"), 404, 'not_found');
    expectProblem(await admin(api, 'PUT', '/admin/tenants', {}), 405);
    for (const query of ['limit=0', 'limit=201', 'limit=-1', 'limit=1&limit=2', 'after=../x', 'x=1', "after=';drop"]) {
      expectProblem(await admin(api, 'GET', `/admin/tenants?${query}`), 400, 'invalid_parameter');
    }
  });

  test('tenants are listed in pages', async () => {
    for (const name of ['page-1', 'page-2', 'page-3']) await api.createTenant(name);
    const first = await admin(api, 'GET', '/admin/tenants?after=page-&limit=2');
    expect(first.body).toMatchObject({
      next: 'page-2',
      tenants: [{ tenant: 'page-1', status: 'active' }, { tenant: 'page-2' }],
    });
    const rest = await admin(api, 'GET', '/admin/tenants?after=page-2&limit=2');
    expect((rest.body['tenants'] as { tenant: string }[])[0]?.tenant).toBe('page-3');
  });

  test('probes and metrics', async () => {
    const text = async (path: string): Promise<[number, string]> => {
      const response = await fetch(api.adminUrl + path);
      return [response.status, await response.text()];
    };
    expect(await text('/livez')).toEqual([200, 'ok\n']);
    expect(await text('/readyz')).toEqual([200, 'ready\n']);
    expect((await text('/readyz?verbose'))[1]).toContain('"postgres"');
    const [status, metrics] = await text('/metrics');
    expect(status).toBe(200);
    expect(metrics).toMatch(/outbox_events_accepted_total\{source="http"\} \d+/);
    expect(metrics).toMatch(/outbox_ingest_requests_total\{route="post_event",status="202"\} \d+/);
  });
});
