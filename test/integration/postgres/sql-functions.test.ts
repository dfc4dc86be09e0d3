import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase('acme');
});
afterAll(() => database.drop());
beforeEach(() => database.pool.query('truncate outbox.events'));

const BASE = `tenant => 'acme', topic => 'orders', type => 'order.created'`;

async function enqueued(args: string, values: unknown[] = []): Promise<Record<string, unknown>> {
  const { rows } = await database.pool.query<{ id: string }>(`select outbox.enqueue(${args}) as id`, values);
  const stored = await database.pool.query<Record<string, unknown>>(
    `select *, encode(payload, 'escape') as text from outbox.events where event_id = $1`,
    [rows[0]?.id],
  );
  return stored.rows[0] ?? {};
}

describe('the overloads of outbox.enqueue', () => {
  it('the documented call: jsonb with key, dedupe key and headers', async () => {
    const row = await enqueued(
      `${BASE}, payload => '{}'::jsonb, key => 'order-42', dedupe_key => 'k', headers => '{}'::jsonb`,
    );
    expect(row).toMatchObject({
      text: '{}',
      content_type: 'application/json',
      ordering_key: 'order-42',
      dedupe_key: 'k',
    });
    expect(row['headers']).toBeNull();
  });

  it('bytes with a content type, and a tombstone', async () => {
    expect(await enqueued(`${BASE}, payload => '\\x00ff'::bytea, content_type => 'a/b'`)).toMatchObject({
      payload: Buffer.from([0, 255]),
      content_type: 'a/b',
    });
    expect(await enqueued(`${BASE}, payload => null::bytea`)).toMatchObject({ payload: null, content_type: null });
  });

  it('untyped literals and parameters are JSON text, published as they are', async () => {
    expect(await enqueued(`${BASE}, payload => '{"n": 9007199254740993,  "n": 1}'`)).toMatchObject({
      text: '{"n": 9007199254740993,  "n": 1}',
    });
    expect(await enqueued(`'acme', 'orders', 't', $1`, ['{"x":1}'])).toMatchObject({ text: '{"x":1}' });
  });

  it('without a dedupe key mints time-ordered UUIDs of version 7', async () => {
    const keys: string[] = [];
    for (let i = 0; i < 3; i++) {
      keys.push(String((await enqueued(`${BASE}, payload => '{}'`))['dedupe_key']));
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    for (const key of keys)
      expect(key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect([...keys].sort()).toEqual(keys);
  });

  it('a duplicate returns the first id', async () => {
    const call = `${BASE}, payload => '{}'::jsonb, dedupe_key => 'd'`;
    expect((await enqueued(call))['event_id']).toBe((await enqueued(call))['event_id']);
  });

  it.each([
    ['OB001', `${BASE}, payload => '{"other": 1}'::jsonb, dedupe_key => 'taken'`],
    ['OB002', `${BASE}, payload => '{bad'`],
    ['OB002', `${BASE}, payload => null::jsonb`],
    ['OB002', `${BASE}, payload => null`],
    ['OB002', `tenant => 'acme', topic => 'no spaces', type => 't', payload => '{}'`],
    ['OB002', `${BASE}, payload => '{}', headers => '{"ce_id": "x"}'`],
    ['OB002', `${BASE}, payload => '{}', headers => '[]'`],
    ['OB002', `tenant => 'acme', topic => null, type => 't', payload => '{}'`],
    ['OB003', `tenant => 'nobody', topic => 'orders', type => 't', payload => '{}'`],
    ['OB003', `tenant => null, topic => 'orders', type => 't', payload => '{}'`],
  ])('raises %s for %s', async (sqlstate, args) => {
    await enqueued(`${BASE}, payload => '{}'::jsonb, dedupe_key => 'taken'`);
    await expect(enqueued(args)).rejects.toMatchObject({ code: sqlstate });
    expect((await database.pool.query('select from outbox.events')).rowCount).toBe(1);
  });
});

describe('outbox.enqueue_many', () => {
  it('refuses arrays that do not fit together', async () => {
    const call = (lengths: string, blob: string) =>
      database.pool.query(
        `select * from outbox.enqueue_many('{acme}', '{t}', '{t}', '{null}', '{null}', '{null}', '{null}', ${lengths}, ${blob})`,
      );
    await expect(call(`'{2}'`, `'\\x00'`)).rejects.toMatchObject({ code: 'OB002' });
    await expect(call(`'{1,1}'`, `'\\x0000'`)).rejects.toMatchObject({ code: 'OB002' });
    await expect(call(`'{1}'`, `'\\x00'`)).resolves.toMatchObject({ rowCount: 1 });
  });
});
