import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { HANGING_SECONDS, examinePostgres } from '../../../src/postgres/doctor';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase('acme');
});
afterAll(() => database.drop());

it('names a transaction that was left open, its application and for how long, and none that is young', async () => {
  const forgotten = new Client({ connectionString: database.url, application_name: 'forgotten' });
  await forgotten.connect();
  try {
    await forgotten.query('begin');
    await forgotten.query('select 1');
    await delay(1_100);
    const { hanging, prepared, clockDifferenceMs } = await examinePostgres(database.pool, 1);
    expect(hanging).toEqual([expect.objectContaining({ application: 'forgotten', state: 'idle in transaction' })]);
    expect(hanging[0]?.seconds).toBeGreaterThanOrEqual(1);
    expect(prepared).toBe(0);
    // One machine, one clock.
    expect(Math.abs(clockDifferenceMs)).toBeLessThan(1_000);
    expect((await examinePostgres(database.pool, HANGING_SECONDS)).hanging).toEqual([]);
  } finally {
    await forgotten.end();
  }
  expect((await examinePostgres(database.pool, 1)).hanging).toEqual([]);
});
