import type { Db } from '../../../src/postgres/query';
import { eventsByIds } from '../../../src/postgres/claims';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { enqueueSome } from '../../support/events';

const HISTORY = 3_000;

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase('old', 'new');
});
afterAll(() => database.drop());

it('a batch that is sent again reads its own events, also when statistics are older than the tenant', async () => {
  const { pool } = database;
  await pool.query('alter table outbox.events set (autovacuum_enabled = false)');
  await enqueueSome(pool, 'old', HISTORY);
  await pool.query('vacuum analyze outbox.events');
  const ids = await enqueueSome(pool, 'new', HISTORY);
  const members = ids.slice(100, 105);

  let plan = '';
  const client = await pool.connect();
  try {
    // The statement as it is sent, carried out and explained first.
    const explaining = {
      async query(config: { text: string; values: unknown[] }) {
        const { rows } = await client.query(`explain (analyze, timing off, format json) ${config.text}`, config.values);
        plan = JSON.stringify(rows);
        return client.query(config);
      },
    } as unknown as Db;
    expect((await eventsByIds(explaining, 'new', members)).map(({ id }) => id)).toEqual(members);
  } finally {
    client.release();
  }
  const read = [...plan.matchAll(/"Actual Rows": ?(\d+)/g)].map(([, rows]) => Number(rows));
  expect(read.length).toBeGreaterThan(2);
  // Without the range of ids: the tenant's 3,000, as it is expected to have one.
  expect(Math.max(...read)).toBeLessThanOrEqual(members.length);
});
