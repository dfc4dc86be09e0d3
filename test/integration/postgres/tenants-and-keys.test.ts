import { createKey, findKeys, hashSecret, listKeys, parseKey, revokeKey, touchKey } from '../../../src/postgres/keys';
import { checkDurability, createPool, withTransaction } from '../../../src/postgres/pool';
import { readPublisher } from '../../../src/postgres/publishers';
import { createTenant, getTenant, listTenants, setTenantStatus } from '../../../src/postgres/tenants';
import { getEvent } from '../../../src/postgres/events';
import { query } from '../../../src/postgres/query';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { enqueueSome, kafkaOf } from '../../support/events';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

it('a tenant comes with its publisher, once', async () => {
  expect(await createTenant(database.pool, 'acme')).toBe(true);
  expect(await createTenant(database.pool, 'acme')).toBe(false);
  expect(await readPublisher(database.pool, kafkaOf('acme'))).toMatchObject({
    state: 'sleeping',
  });
  await createTenant(database.pool, 'beta');
  expect((await listTenants(database.pool, { after: 'acme' })).map((t) => t.tenant)).toEqual(['beta']);
  expect(await setTenantStatus(database.pool, 'beta', 'suspended')).toBe(true);
  expect(await getTenant(database.pool, 'beta')).toMatchObject({ status: 'suspended' });
  await expect(createTenant(database.pool, 'a/b')).rejects.toMatchObject({ code: 'POSTGRES_REFUSED' });
});

it('a key is shown once, found by its id, checked by its hash, revoked', async () => {
  const { key, stored } = await createKey(database.pool, 'acme', { scopes: ['ingest'], label: 'ci' });
  const parts = parseKey(key);
  if (parts === null) throw new Error('the minted key does not parse');
  const [found] = await findKeys(database.pool, parts.keyId);
  expect(found).toMatchObject({ tenant: 'acme', scopes: ['ingest'], label: 'ci', revokedAt: null, tenantActive: true });
  expect(found?.secretHash.equals(hashSecret(parts.secret))).toBe(true);
  expect(stored.lastFour).toBe(parts.secret.slice(-4));
  const dump = JSON.stringify((await database.pool.query('select * from outbox.api_keys')).rows);
  expect(dump).not.toContain(parts.secret);
  await touchKey(database.pool, 'acme', parts.keyId);
  expect(await revokeKey(database.pool, 'beta', parts.keyId)).toBeNull();
  expect(await revokeKey(database.pool, 'acme', parts.keyId)).toMatchObject({
    before: { revokedAt: null },
    after: { revokedAt: expect.any(Date) as Date },
  });
  expect(await listKeys(database.pool, 'acme')).toMatchObject([
    { revokedAt: expect.any(Date) as Date, lastUsedAt: expect.any(Date) as Date },
  ]);
  const typo = key.replace(/.$/, (c) => (c === '0' ? '1' : '0'));
  expect([typo, `${key} `, '', 'obx_a_b_c'].map(parseKey)).toEqual([null, null, null, null]);
});

it('an event belongs to its tenant, and impossible ids are no event', async () => {
  const [id] = await enqueueSome(database.pool, 'acme', 1);
  expect(await getEvent(database.pool, 'acme', id as string)).toMatchObject({
    id,
    status: 'pending',
    publishedAt: null,
  });
  expect(await getEvent(database.pool, 'beta', id as string)).toBeNull();
  for (const bad of ['0', '-1', 'x', '9223372036854775808', '99999999999999999999']) {
    expect(await getEvent(database.pool, 'acme', bad)).toBeNull();
  }
});

describe('the pool', () => {
  it('refuses a database that acknowledges before it writes', async () => {
    await checkDurability(database.pool);
    const client = await database.pool.connect();
    await client.query('set synchronous_commit = off');
    await expect(checkDurability(client)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    client.release(true);
  });

  it('rolls back, keeps the error and gives the connection back', async () => {
    const pool = createPool(database.url, { max: 1 });
    await expect(withTransaction(pool, (client) => query(client, 'select 1/0'))).rejects.toMatchObject({
      code: 'POSTGRES_REFUSED',
      details: { sqlstate: '22012' },
    });
    expect(await withTransaction(pool, (client) => query(client, 'select 1 as one'))).toEqual([{ one: 1 }]);
    await pool.end();
  });

  it('tells passing trouble from refusals', async () => {
    const dead = createPool('postgres://nobody@127.0.0.1:1/none', { connectTimeoutMs: 500 });
    await expect(query(dead, 'select 1')).rejects.toMatchObject({ code: 'POSTGRES_UNAVAILABLE' });
    await dead.end();
    const slow = createPool(database.url, { statementTimeoutMs: 50 });
    await expect(query(slow, 'select pg_sleep(5)')).rejects.toMatchObject({
      code: 'POSTGRES_UNAVAILABLE',
      details: { sqlstate: '57014' },
    });
    await slow.end();
  });
});
