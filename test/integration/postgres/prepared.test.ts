import { createPool } from '../../../src/postgres/pool';
import type { Db } from '../../../src/postgres/query';
import { queryText } from '../../../src/postgres/query';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { enqueueSome } from '../../support/events';
import { RelayRows, idsOf } from '../../support/relay-rows';

const HISTORY = 20_000;
/** So often a statement is planned with its values before the server may keep a plan without them. */
const CUSTOM_PLANS = 5;
const TABLES = ['outbox.events', 'outbox.unsettled', 'outbox.publishers', 'outbox.relays'];

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase('quiet', 'busy');
});
afterEach(() => database.drop());

const ask = (db: Db): Promise<unknown> => queryText(db, 'select $1::text', ['x'], 'a question');

it.each([false, true])(
  'a plan that was kept while tables were empty reads little when they have grown and nobody analysed them (vacuumed: %s)',
  async (vacuumed) => {
    const pool = createPool(database.url, { max: 1, prepares: true });
    try {
      for (const table of TABLES) await pool.query(`alter table ${table} set (autovacuum_enabled = false)`);
      // A table that was vacuumed while empty counts as empty; one that never was counts as ten pages, and is never read as a whole.
      if (vacuumed) await pool.query(`vacuum analyze ${TABLES.join(', ')}`);
      const relay = await RelayRows.take(pool);
      await relay.attach('quiet');
      for (let i = 0; i < 2 * CUSTOM_PLANS; i += 1)
        expect(idsOf(await relay.claim('quiet', { ids: ['1'] }))).toEqual([]);
      await enqueueSome(database.pool, 'busy', HISTORY);
      const [id = ''] = await enqueueSome(database.pool, 'quiet', 1);
      expect(idsOf(await relay.claim('quiet', { ids: [id] }))).toEqual([id]);
      const { rows } = await pool.query<{ name: string; generic: number }>(
        'select name, generic_plans::int as generic from pg_prepared_statements order by name',
      );
      expect(rows.map(({ name }) => name)).toEqual(['claim of named events', 'look of a relay']);
      const before = await touched(pool);
      await relay.claim('quiet', { ids: [id] });
      expect((await touched(pool)) - before).toBeLessThan(100);
    } finally {
      await pool.end();
    }
  },
);

/** Rows of the events' table that scans and fetches of this session's database have read so far. */
async function touched(db: Db): Promise<number> {
  await db.query('select pg_stat_force_next_flush()');
  const { rows } = await db.query<{ n: number }>(
    `select (seq_tup_read + coalesce(idx_tup_fetch, 0))::int as n from pg_stat_user_tables
     where schemaname = 'outbox' and relname = 'events'`,
  );
  return rows[0]?.n ?? 0;
}

it('nothing is prepared through a pooler', async () => {
  const pool = createPool(database.url, { max: 1, prepares: true, throughPooler: true });
  try {
    await ask(pool);
    expect((await pool.query('select from pg_prepared_statements')).rowCount).toBe(0);
  } finally {
    await pool.end();
  }
});

it('a connection whose session was exchanged, as by a pooler, says what to set, and the next one works', async () => {
  const pool = createPool(database.url, { max: 1, prepares: true });
  try {
    await ask(pool);
    await pool.query('deallocate all');
    await expect(ask(pool)).rejects.toMatchObject({
      code: 'POSTGRES_REFUSED',
      message: expect.stringContaining('set DATABASE_DIRECT_URL') as unknown,
    });
    expect(await ask(pool)).toEqual([['x']]);
  } finally {
    await pool.end();
  }
});
