import fc from 'fast-check';
import { insertMany } from '../../../src/postgres/enqueue';
import type { NewEvent } from '../../../src/postgres/enqueue';
import { withTransaction } from '../../../src/postgres/pool';
import { setTenantStatus } from '../../../src/postgres/tenants';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { enqueueSome, someEvent } from '../../support/events';
import { RelayRows, idsOf } from '../../support/relay-rows';

let database: TestDatabase;
let relay: RelayRows;
beforeAll(async () => {
  database = await createTestDatabase('acme', 'beta', 'gone');
  relay = await RelayRows.take(database.pool);
  await relay.attach('acme');
});
afterAll(() => database.drop());
beforeEach(() => database.pool.query('truncate outbox.events'));

describe('deduplication', () => {
  const first = someEvent('acme', { dedupeKey: 'k', key: 'o-1', headers: { a: 'b', traceparent: '00-1' } });
  const differences: [string, Partial<NewEvent>][] = [
    ['topic', { topic: 'other' }],
    ['type', { type: 'other' }],
    ['key', { key: null }],
    ['headers', { headers: { a: 'c' } }],
    ['content type', { contentType: null }],
    ['payload', { payload: Buffer.from('{ }') }],
    ['payload', { payload: null }],
  ];

  it('the same content again returns the first id and says duplicate, whatever the trace context', async () => {
    const [stored] = await insertMany(database.pool, [first]);
    const again = await insertMany(database.pool, [first, { ...first, headers: { a: 'b', traceparent: '00-2' } }]);
    for (const result of again) expect(result).toMatchObject({ id: stored?.id, duplicate: true, code: null });
  });

  it.each(differences)('another %s is a conflict (%j) that names it', async (field, difference) => {
    await insertMany(database.pool, [first]);
    const [result] = await insertMany(database.pool, [{ ...first, ...difference }]);
    expect(result).toMatchObject({ conflict: true, duplicate: false, code: 'OB001' });
    expect(result?.reason).toContain(`another ${field}.`);
  });

  it('is per tenant', async () => {
    const results = await insertMany(database.pool, [first, { ...first, tenant: 'beta' }]);
    expect(results.map((r) => [r.duplicate, r.code])).toEqual([
      [false, null],
      [false, null],
    ]);
  });

  it('holds within one call, and reports in the order of the input', async () => {
    const results = await insertMany(database.pool, [
      first,
      someEvent('nobody'),
      first,
      { ...first, type: 'x' },
      someEvent('acme', { topic: '..' }),
      someEvent('acme'),
    ]);
    expect(results.map((r) => r.code)).toEqual([null, 'OB003', null, 'OB001', 'OB002', null]);
    expect(results.map((r) => r.duplicate)).toEqual([false, false, true, false, false, false]);
    expect(results[2]?.id).toBe(results[0]?.id);
    expect((await database.pool.query('select from outbox.events')).rowCount).toBe(2);
  });

  it('one of many concurrent writers wins, the others are told its id', async () => {
    const rounds = 10;
    for (let round = 0; round < rounds; round++) {
      const event = someEvent('acme', { dedupeKey: `race-${round}` });
      const results = (await Promise.all(Array.from({ length: 8 }, () => insertMany(database.pool, [event])))).flat();
      expect(results.filter((r) => !r.duplicate)).toHaveLength(1);
      expect(new Set(results.map((r) => r.id)).size).toBe(1);
    }
  });

  it('overlapping calls in opposite order neither deadlock nor lose', async () => {
    const keys = Array.from({ length: 200 }, (_, i) => `d-${i}`);
    const call = (order: string[]) =>
      insertMany(
        database.pool,
        order.map((dedupeKey) => someEvent('acme', { dedupeKey })),
      );
    const all = await Promise.all(Array.from({ length: 8 }, (_, i) => call(i % 2 === 0 ? keys : [...keys].reverse())));
    expect(all.flat().filter((r) => !r.duplicate)).toHaveLength(keys.length);
  });

  it('waits for an open transaction: its rollback frees the key, its commit makes a duplicate', async () => {
    const event = someEvent('acme', { dedupeKey: 'open' });
    for (const end of ['rollback', 'commit']) {
      const client = await database.pool.connect();
      await client.query('begin');
      const [mine] = await insertMany(client, [event]);
      const other = insertMany(database.pool, [event]);
      await new Promise((resolve) => setTimeout(resolve, 50));
      await client.query(end);
      client.release();
      const [result] = await other;
      if (end === 'commit') expect(result?.duplicate).toBe(true);
      else expect(result).toMatchObject({ duplicate: false, conflict: false });
      if (end === 'rollback') expect(result?.id).not.toBe(mine?.id);
      await database.pool.query('truncate outbox.events');
    }
  });
});

describe('rules', () => {
  const bad: [string, Partial<NewEvent>][] = [
    ['topic', { topic: '' }],
    ['topic', { topic: '.' }],
    ['topic', { topic: 'a b' }],
    ['topic', { topic: 'orders\n' }],
    ['topic', { topic: 'x'.repeat(250) }],
    ['type', { type: '' }],
    ['type', { type: 'x'.repeat(256) }],
    ['key', { key: '' }],
    ['key', { key: 'x'.repeat(1025) }],
    ['dedupe_key', { dedupeKey: 'x'.repeat(256) }],
    ['content_type', { contentType: '' }],
    ['payload', { payload: Buffer.alloc(524_289) }],
    ['headers', { headers: ['a'] as unknown as Record<string, string> }],
    ['headers', { headers: { a: 1 } as unknown as Record<string, string> }],
    ['headers', { headers: { a: null } as unknown as Record<string, string> }],
    ['headers', { headers: { a: { b: 'c' } } as unknown as Record<string, string> }],
    ['headers', { headers: { '': 'x' } }],
    ['headers', { headers: { ['x'.repeat(256)]: 'x' } }],
    ['headers', { headers: { a: 'x'.repeat(4097) } }],
    ['headers', { headers: { 'Tenant-ID': 'x' } }],
    ['headers', { headers: { 'X-Producer-Id': 'x' } }],
    ['headers', { headers: { 'OUTBOX-anything': 'x' } }],
    ['headers', { headers: { CE_id: 'x' } }],
    ['headers', { headers: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`h${i}`, ''])) }],
  ];
  it.each(bad)('%s is refused: %j', async (field, difference) => {
    const [result] = await insertMany(database.pool, [someEvent('acme', difference)]);
    expect(result).toMatchObject({ id: null, code: 'OB002' });
    expect(result?.reason).toMatch(new RegExp(`^${field} .*\\. [A-Z].*\\.$`));
  });

  it('accepts the limits themselves and harmless look-alikes', async () => {
    const results = await insertMany(database.pool, [
      someEvent('acme', { topic: 'x'.repeat(249), type: 'é'.repeat(255), key: '😀'.repeat(1024) }),
      someEvent('acme', { dedupeKey: 'é'.repeat(255), payload: Buffer.alloc(524_288) }),
      someEvent('acme', { headers: { traceparent: '00-1', tracestate: 'x', 'x-mine': 'a": 1, "b' } }),
      someEvent('acme', { headers: Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`h${i}`, 'x'])) }),
      someEvent('acme', { headers: {}, contentType: null, payload: null }),
    ]);
    expect(results.map((r) => r.reason)).toEqual([null, null, null, null, null]);
  });

  it('a suspended tenant is refused, and accepted again when active', async () => {
    await setTenantStatus(database.pool, 'gone', 'suspended');
    expect((await insertMany(database.pool, [someEvent('gone')]))[0]).toMatchObject({ code: 'OB003', id: null });
    await setTenantStatus(database.pool, 'gone', 'active');
    expect((await insertMany(database.pool, [someEvent('gone')]))[0]?.code).toBeNull();
  });

  it('all or nothing raises the first problem and stores nothing', async () => {
    const events = [someEvent('acme'), someEvent('acme', { topic: '' })];
    await expect(insertMany(database.pool, events, { allOrNothing: true })).rejects.toMatchObject({
      code: 'POSTGRES_REFUSED',
      details: { sqlstate: 'OB002' },
    });
    expect((await database.pool.query('select from outbox.events')).rowCount).toBe(0);
  });
});

describe('what is stored', () => {
  it('comes back byte for byte through a claim, ids ascending in input order', async () => {
    // The publisher's row is there since the tenant was created.
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((s) => !s.includes('\0'));
    const event = fc.record({
      type: text,
      key: fc.option(text),
      headers: fc.option(
        fc.dictionary(
          text.map((s) => `h ${s}`),
          text,
          { maxKeys: 5, noNullPrototype: true },
        ),
      ),
      payload: fc.option(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))),
      contentType: fc.option(text),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 30 }), async (inputs) => {
        await database.pool.query('truncate outbox.events');
        const results = await insertMany(
          database.pool,
          inputs.map((input) => someEvent('acme', input)),
        );
        expect(results.map((r) => r.reason)).toEqual(inputs.map(() => null));
        const events = (await relay.claim('acme')).events.map(({ event }) => event);
        expect(events.map((e) => e.id)).toEqual(results.map((r) => r.id));
        events.forEach((stored, i) => {
          const input = inputs[i] as (typeof inputs)[number];
          const headers = input.headers !== null && Object.keys(input.headers).length > 0 ? input.headers : null;
          expect({ ...stored, payload: stored.payload?.toString('hex') ?? null }).toMatchObject({
            type: input.type,
            key: input.key,
            headers,
            payload: input.payload?.toString('hex') ?? null,
            contentType: input.contentType,
          });
        });
      }),
      { numRuns: 40 },
    );
  });

  it('ids beyond 2^53 stay exact', async () => {
    await database.pool.query('alter table outbox.events alter column event_id restart with 9007199254740993');
    const ids = await enqueueSome(database.pool, 'acme', 2);
    expect(ids).toEqual(['9007199254740993', '9007199254740994']);
    expect(idsOf(await relay.claim('acme'))).toEqual(ids);
  });

  it('nothing after a rollback', async () => {
    await expect(
      withTransaction(database.pool, async (client) => {
        await enqueueSome(client, 'acme', 3);
        throw new Error('changed my mind');
      }),
    ).rejects.toThrow('changed my mind');
    expect((await database.pool.query('select from outbox.events')).rowCount).toBe(0);
  });
});
