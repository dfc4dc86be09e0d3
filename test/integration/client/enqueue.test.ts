import { EnqueueError, enqueue } from '../../../src/client';
import type { EnqueueEvent } from '../../../src/client';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase('acme');
});
afterAll(() => database.drop());
beforeEach(() => database.pool.query('truncate outbox.events'));

const event = (overrides: Partial<EnqueueEvent> = {}): EnqueueEvent => ({
  tenant: 'acme',
  topic: 'orders',
  type: 'order.created',
  payload: { total: 1 },
  ...overrides,
});

async function stored(): Promise<Record<string, unknown>[]> {
  return (await database.pool.query<Record<string, unknown>>('select * from outbox.events order by event_id')).rows;
}

describe('enqueue in the caller’s transaction', () => {
  it('commit stores, rollback does not', async () => {
    const client = await database.pool.connect();
    for (const end of ['rollback', 'commit']) {
      await client.query('begin');
      const result = await enqueue(client, event({ key: 'o-1', headers: { source: 'test' } }));
      expect(result).toEqual({ id: expect.stringMatching(/^\d+$/) as string, duplicate: false });
      await client.query(end);
    }
    client.release();
    expect(await stored()).toMatchObject([
      {
        payload: Buffer.from('{"total":1}'),
        content_type: 'application/json',
        ordering_key: 'o-1',
        headers: { source: 'test' },
      },
    ]);
  });

  it('takes bytes, tombstones and many at once', async () => {
    const bytes = Uint8Array.from([0, 128, 255]);
    await enqueue(database.pool, [
      event({ payload: bytes, contentType: 'application/avro' }),
      event({ payload: undefined, tombstone: true, key: 'k' }),
      event({ payload: null }),
    ]);
    expect(await stored()).toMatchObject([
      { payload: Buffer.from(bytes), content_type: 'application/avro' },
      { payload: null, content_type: null },
      { payload: Buffer.from('null'), content_type: 'application/json' },
    ]);
    expect(await enqueue(database.pool, [])).toEqual([]);
  });

  it('more events than one statement holds keep their order', async () => {
    const results = await enqueue(
      database.pool,
      Array.from({ length: 4_500 }, (_, i) => event({ type: `t${i}` })),
    );
    expect((await stored()).map((row) => row['event_id'])).toEqual(results.map((r) => r.id));
    expect((await stored()).map((row) => row['event_type'])).toEqual(results.map((_, i) => `t${i}`));
  });

  it('says duplicate, and throws on other content', async () => {
    const first = await enqueue(database.pool, event({ dedupeKey: 'd' }));
    expect(await enqueue(database.pool, event({ dedupeKey: 'd' }))).toEqual({ id: first.id, duplicate: true });
    const conflict = enqueue(database.pool, [event(), event({ dedupeKey: 'd', payload: 2 })]);
    await expect(conflict).rejects.toMatchObject({ name: 'EnqueueError', code: 'DEDUPE_CONFLICT', sqlstate: 'OB001' });
    expect(await stored()).toHaveLength(1);
  });

  it('an unknown tenant is an error of its own, other errors stay the driver’s', async () => {
    await expect(enqueue(database.pool, event({ tenant: 'nobody' }))).rejects.toMatchObject({
      code: 'TENANT_UNAVAILABLE',
    });
    const client = await database.pool.connect();
    await client.query('begin');
    await client.query('select 1/0').catch(() => undefined);
    await expect(enqueue(client, event())).rejects.toMatchObject({ code: '25P02' });
    await client.query('rollback');
    client.release();
  });

  it('what the library refuses leaves the transaction usable', async () => {
    const client = await database.pool.connect();
    await client.query('begin');
    await expect(enqueue(client, event({ topic: 'no spaces' }))).rejects.toBeInstanceOf(EnqueueError);
    await enqueue(client, event());
    await client.query('commit');
    client.release();
    expect(await stored()).toHaveLength(1);
  });
});
