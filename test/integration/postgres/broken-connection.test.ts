import type { PoolClient } from 'pg';
import { withTransaction } from '../../../src/postgres/pool';
import { query } from '../../../src/postgres/query';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';

/** The connection of a transaction breaks: that must fail the transaction, not the process. */
describe('a transaction whose connection breaks', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  const pidOf = async (client: PoolClient): Promise<number> => {
    const [row] = await query<{ pid: number }>(client, 'select pg_backend_pid() as pid');
    return row?.pid ?? 0;
  };
  const terminate = (pid: number): Promise<unknown> =>
    database.pool.query('select pg_terminate_backend($1, 5000)', [pid]);
  /** Errors that find no listener arrive a turn later than what they break. */
  const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

  it('between two statements: the next one fails, and the connection is not used again', async () => {
    let victim = 0;
    const broken = withTransaction(database.pool, async (client) => {
      victim = await pidOf(client);
      await terminate(victim);
      await settled();
      await query(client, 'select 1');
    });
    await expect(broken).rejects.toMatchObject({ code: 'POSTGRES_UNAVAILABLE' });
    await settled();
    expect(await withTransaction(database.pool, pidOf)).not.toBe(victim);
  });

  it('in the middle of a statement: that one fails', async () => {
    const broken = withTransaction(database.pool, async (client) => {
      const pid = await pidOf(client);
      await Promise.all([query(client, 'select pg_sleep(30)'), terminate(pid)]);
    });
    await expect(broken).rejects.toMatchObject({ code: expect.stringMatching(/^POSTGRES_/) as string });
    await settled();
    expect(await withTransaction(database.pool, pidOf)).toBeGreaterThan(0);
  });
});
