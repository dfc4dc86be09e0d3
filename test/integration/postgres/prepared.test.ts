import { takeOver } from '../../../src/postgres/publishers';
import { selectPending } from '../../../src/postgres/claims';
import { pendingExists } from '../../../src/postgres/looks';
import { createPool } from '../../../src/postgres/pool';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { enqueueSome } from '../../support/events';

const QUIET = { tenant: 'quiet', destination: 'kafka', shard: 0 };
const HISTORY = 20_000;
/** So often a statement is planned with its values before the server may keep a plan without them. */
const CUSTOM_PLANS = 5;

const TABLES = ['outbox.events', 'outbox.batches', 'outbox.replay_events', 'outbox.publishers'];

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase('quiet', 'busy');
});
afterEach(() => database.drop());

it.each([false, true])(
  'a plan that was kept while tables were empty reads little when they have grown and nobody analysed them (vacuumed: %s)',
  async (vacuumed) => {
    const pool = createPool(database.url, { max: 1, prepares: true });
    try {
      for (const table of TABLES) await pool.query(`alter table ${table} set (autovacuum_enabled = false)`);
      // A table that was vacuumed while empty counts as empty; one that never was counts as ten pages, and is never read as a whole.
      if (vacuumed) await pool.query(`vacuum analyze ${TABLES.join(', ')}`);
      await takeOver(pool, QUIET, 'worker');
      const ask = async (): Promise<number> => {
        const [look] = await pendingExists(pool, [QUIET]);
        const { events } = await selectPending(pool, QUIET, { limit: 100, few: true });
        expect(look === undefined ? 0 : 1).toBe(Math.min(1, events.length));
        return events.length;
      };
      for (let i = 0; i < 2 * CUSTOM_PLANS; i += 1) expect(await ask()).toBe(0);
      await enqueueSome(database.pool, 'busy', HISTORY);
      await enqueueSome(database.pool, 'quiet', 1);
      expect(await ask()).toBe(1);
      const { rows } = await pool.query<{ name: string; generic: number }>(
        'select name, generic_plans::int as generic from pg_prepared_statements order by name',
      );
      expect(rows.map(({ name }) => name)).toEqual(['claim of few', 'look of the lingering']);
      for (const { generic } of rows) expect(generic).toBeGreaterThan(0);
      for (const call of [
        `"claim of few"('quiet', 'kafka', 0, 100, '{}', 1000000, 'hold-key', 100, null)`,
        `"look of the lingering"('{quiet}', '{kafka}', '{0}')`,
      ]) {
        const plan = JSON.stringify(
          (await pool.query(`explain (analyze, timing off, format json) execute ${call}`)).rows,
        );
        const read = [...plan.matchAll(/"(?:Actual Rows|Rows Removed by (?:Index Recheck|Filter))": ?(\d+)/g)];
        expect(read.length).toBeGreaterThan(2);
        expect(Math.max(...read.map(([, count]) => Number(count)))).toBeLessThanOrEqual(1);
      }
    } finally {
      await pool.end();
    }
  },
);

it('nothing is prepared through a pooler', async () => {
  const pool = createPool(database.url, { max: 1, prepares: true, throughPooler: true });
  try {
    await pendingExists(pool, [QUIET]);
    expect((await pool.query('select from pg_prepared_statements')).rowCount).toBe(0);
  } finally {
    await pool.end();
  }
});

it('a connection whose session was exchanged, as by a pooler, says what to set, and the next one works', async () => {
  const pool = createPool(database.url, { max: 1, prepares: true });
  try {
    await pendingExists(pool, [QUIET]);
    await pool.query('deallocate all');
    await expect(pendingExists(pool, [QUIET])).rejects.toMatchObject({
      code: 'POSTGRES_REFUSED',
      message: expect.stringContaining('set DATABASE_DIRECT_URL') as unknown,
    });
    expect(await pendingExists(pool, [QUIET])).toEqual([]);
  } finally {
    await pool.end();
  }
});
