import { createServer, connect } from 'node:net';
import type { Socket } from 'node:net';
import { postgresStores } from '../../../src/api/stores';
import { startApi } from '../../../src/api/start';
import { createPool } from '../../../src/postgres/pool';
import { event, get, post, startTestApi } from './support';
import type { TestApi } from './support';

/** A way to Postgres that can be cut: connections break and new ones are refused until it is mended. */
async function cuttableProxy(
  target: URL,
): Promise<{ port: number; cut: () => void; mend: () => void; close: () => void }> {
  const sockets = new Set<Socket>();
  let broken = false;
  const server = createServer((near) => {
    if (broken) return void near.destroy();
    const far = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const destroy = (): void => sockets.forEach((socket) => socket.destroy());
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    cut: () => {
      broken = true;
      destroy();
    },
    mend: () => {
      broken = false;
    },
    close: () => {
      destroy();
      server.close();
    },
  };
}

describe('without Postgres', () => {
  let base: TestApi;
  beforeAll(async () => {
    base = await startTestApi();
  });
  afterAll(() => base.stop());

  test('503 with Retry-After, alive but not ready; afterwards every 202 is stored, once', async () => {
    const key = await base.createTenant('acme');
    const url = new URL(base.databaseUrl);
    const proxy = await cuttableProxy(new URL(base.databaseUrl));
    url.hostname = '127.0.0.1';
    url.port = String(proxy.port);
    const pool = createPool(url.toString(), { max: 4, connectTimeoutMs: 5_000 });
    const through = await startTestApi({}, (deps) => ({
      ...postgresStores(pool),
      health: Object.assign(
        deps.health,
        deps.health.register('postgres', async () => void (await pool.query('select 1'))),
      ),
    }));
    try {
      expect((await post(through, event(), { key })).status).toBe(202);
      let cut = false;
      const answers: { key: string; status: number }[] = [];
      const writers = Array.from({ length: 8 }, async (_, writer) => {
        for (let n = 0; n < 60; n += 1) {
          const dedupeKey = `w${writer}-${n}`;
          let status = 0;
          for (let attempt = 0; attempt < 100 && status !== 202; attempt += 1) {
            const answer = await post(through, event({ dedupeKey }), { key });
            status = answer.status;
            if (status === 503) {
              cut = true;
              expect(answer.headers.get('retry-after')).toBe('1');
              expect(answer.body['code']).toBe('unavailable');
              await new Promise((resolve) => setTimeout(resolve, 50));
            }
          }
          answers.push({ key: dedupeKey, status });
        }
      });
      await new Promise((resolve) => setTimeout(resolve, 150));
      proxy.cut();
      await new Promise((resolve) => setTimeout(resolve, 400));
      expect((await fetch(`${through.adminUrl}/livez`)).status).toBe(200);
      expect((await fetch(`${through.adminUrl}/readyz`)).status).toBe(503);
      proxy.mend();
      await Promise.all(writers);
      expect(cut).toBe(true);
      expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
      const { rows } = await base.pool.query<{ n: number }>('select count(*)::int as n from outbox.events');
      expect(rows[0]?.n).toBe(8 * 60 + 1);
    } finally {
      await through.stop();
      await pool.end();
      proxy.close();
    }
  });
});

describe('shutdown', () => {
  test('requests in flight are answered, keep-alive connections end, the probe turns', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let entered = 0;
    const api = await startTestApi({}, (deps) => ({
      events: {
        ...deps.events,
        insert: async (events, mode) => {
          entered += 1;
          await held;
          return deps.events.insert(events, mode);
        },
      },
    }));
    const key = await api.createTenant('acme');
    await get(api, '/v1/events/1', key);
    const inFlight = post(api, event(), { key });
    while (entered === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const started = Date.now();
    const closed = api.close(10_000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await fetch(`${api.adminUrl}/readyz`)).status).toBe(503);
    await expect(fetch(`${api.ingestUrl}/v1/events/1`)).rejects.toThrow();
    release();
    expect((await inFlight).status).toBe(202);
    await closed;
    expect(Date.now() - started).toBeLessThan(5_000);
    await api.stop();
  });

  test('a request that never ends does not hold the process beyond the grace', async () => {
    const api = await startTestApi();
    const url = new URL(api.ingestUrl);
    const socket = connect(Number(url.port), url.hostname);
    socket.on('error', () => undefined);
    socket.write('POST /v1/events HTTP/1.1\r\nHost: x\r\n');
    await new Promise((resolve) => setTimeout(resolve, 50));
    const started = Date.now();
    await api.close(300);
    expect(Date.now() - started).toBeLessThan(2_000);
    socket.destroy();
    await api.stop();
  });

  test('no admin key, no start', async () => {
    const api = await startTestApi();
    const config = { ...api.config, api: { ...api.config.api, adminKey: null } };
    const attempt = startApi(config, {} as Parameters<typeof startApi>[1]);
    await expect(attempt).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await api.stop();
  });
});
