import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { PoolClient } from 'pg';
import { createPool, withTransaction } from '../../../src/postgres/pool';
import { query } from '../../../src/postgres/query';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';

/** ReadyForQuery, idle. */
const READY = Buffer.from('Z\0\0\0\x05I', 'latin1');
const FIELDS = 'SFATAL\0VFATAL\0C57P01\0Mterminating connection due to unexpected postmaster exit\0\0';
/** ErrorResponse: its length counts itself, not the letter before it. */
const FATAL = Buffer.concat([
  Buffer.from('E\0\0\0', 'latin1'),
  Buffer.from([FIELDS.length + 4]),
  Buffer.from(FIELDS, 'latin1'),
]);

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

  it('in the packet that lets it in, before anybody could listen: the first statement fails', async () => {
    const dying = await dyingServer(new URL(database.url));
    const pool = createPool(dying.url, { max: 1 });
    try {
      const broken = withTransaction(pool, (client) => query(client, 'select 1'));
      await expect(broken).rejects.toMatchObject({ code: 'POSTGRES_UNAVAILABLE' });
      await settled();
    } finally {
      await pool.end();
      await dying.close();
    }
  });
});

/** Postgres behind a proxy that adds to the first "ready for query" what a backend says whose postmaster was just killed. */
async function dyingServer(real: URL): Promise<{ readonly url: string; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(real.port), real.hostname);
    for (const socket of [client, upstream]) sockets.add(socket.on('error', () => undefined));
    client.pipe(upstream);
    upstream.on('data', (chunk) => {
      if (chunk.subarray(-6).equals(READY)) client.end(Buffer.concat([chunk, FATAL]));
      else client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(real);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
