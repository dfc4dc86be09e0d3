import { setIngestLimits } from '../../../src/postgres/ingest-limits';
import { postgresStores } from '../../../src/api/stores';
import { createIngestLimiter } from '../../../src/api/ingest/limiter';
import { suspendTenant } from '../../../src/postgres/tenants';
import { event, expectProblem, post, startTestApi } from './support';
import type { Answer, TestApi } from './support';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

const NO_LIMITS = { ratePerSecond: null, burst: 1, maxPending: null };

const batch = (count: number) => Array.from({ length: count }, (_, n) => event({ dedupeKey: `${n}-${Math.random()}` }));
const postBatch = (key: string, count: number): Promise<Answer> =>
  post(api, batch(count), { key, path: '/v1/events/batch' });

/** A tenant with limits from its first request on: settings are cached with the key. */
async function limited(name: string, limits: Parameters<typeof setIngestLimits>[2]): Promise<string> {
  const key = await api.createTenant(name);
  await setIngestLimits(api.pool, name, limits);
  return key;
}

it('a tenant without limits sees nothing of them', async () => {
  const answer = await post(api, event(), { key: await api.createTenant('free') });
  expect(answer.status).toBe(202);
  expect([...answer.headers.keys()].filter((name) => name.includes('ratelimit'))).toEqual([]);
  const { rows } = await api.pool.query('select from outbox.ingest_buckets where tenant_id = $1', ['free']);
  expect(rows).toHaveLength(0);
});

it('a rate lets the burst through, warns at 80 %, then answers 429 and says when to come back', async () => {
  const key = await limited('rated', { ratePerSecond: 1, burst: 10 });
  const first = await postBatch(key, 5);
  expect(first.status).toBe(202);
  expect(first.headers.get('ratelimit-limit')).toBe('10');
  expect(first.headers.get('x-outbox-warning')).toBeNull();
  const second = await postBatch(key, 4);
  expect(second.headers.get('x-outbox-warning')).toMatch(/^rate [01] of 10 left$/);
  const refused = await postBatch(key, 6);
  expectProblem(refused, 429, 'rate_limited');
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(3);
  expect(Number(refused.headers.get('ratelimit-remaining'))).toBeLessThanOrEqual(2);
  // An event that could not be stored anyway costs nothing and keeps its own answer.
  expectProblem(await post(api, { topic: 'x' }, { key }), 422, 'invalid_event');
});

it('what the rate refuses fills no backlog', async () => {
  const key = await limited('refused', { ratePerSecond: 1, burst: 10, maxPending: 20 });
  expect((await postBatch(key, 9)).status).toBe(202);
  for (let i = 0; i < 4; i += 1) expectProblem(await postBatch(key, 8), 429, 'rate_limited');
});

it('a rate of 0 stops intake, and the limits can be taken back', async () => {
  const key = await limited('stopped', { ratePerSecond: 0, burst: 1 });
  expectProblem(await post(api, event(), { key }), 429, 'rate_limited');
  expect(await setIngestLimits(api.pool, 'stopped', null)).toEqual({});
  expect(await setIngestLimits(api.pool, 'nobody', null)).toBeNull();
});

it('a full backlog answers 429 at the limit, also between two counts', async () => {
  const key = await limited('backlog', { maxPending: 10 });
  const answers: Answer[] = [];
  for (let n = 0; n < 14; n += 1) answers.push(await post(api, event(), { key }));
  expect(answers.map((answer) => answer.status)).toEqual([
    ...Array<number>(10).fill(202),
    ...Array<number>(4).fill(429),
  ]);
  expect(answers[8]?.headers.get('x-outbox-warning')).toBe('backlog 9 of 10');
  expectProblem(answers[13] as Answer, 429, 'backlog_full');
  expect(answers[13]?.headers.get('retry-after')).toBe('1');
});

it('what was published is no backlog any more', async () => {
  const key = await limited('drained', { maxPending: 3 });
  expect((await postBatch(key, 3)).status).toBe(202);
  expectProblem(await post(api, event(), { key }), 429, 'backlog_full');
  await api.pool.query(`update outbox.events set status = 'skipped' where tenant_id = 'drained'`);
  // Another process counts at once.
  const other = createIngestLimiter(postgresStores(api.pool).meter, NO_LIMITS);
  expect(await other.admit('drained', { maxPending: 3 }, 1)).toEqual({});
});

it('a batch larger than the burst goes from a full bucket, which is then in debt', async () => {
  const key = await limited('large', { ratePerSecond: 0.01, burst: 10 });
  expect((await postBatch(key, 15)).status).toBe(202);
  const refused = await post(api, event(), { key });
  expectProblem(refused, 429, 'rate_limited');
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(400);
});

it('a bucket that nobody used for long holds the burst and no more', async () => {
  const key = await limited('idle', { ratePerSecond: 0.01, burst: 10 });
  expect((await post(api, event(), { key })).status).toBe(202);
  await api.pool.query(`update outbox.ingest_buckets set at = at - interval '1 day' where tenant_id = 'idle'`);
  const answer = await postBatch(key, 10);
  expect([answer.status, answer.headers.get('ratelimit-remaining')]).toEqual([202, '0']);
});

it('the deployment’s limits hold for whoever has none, and a tenant’s own go before them', async () => {
  const strict = await startTestApi({ OUTBOX_INGEST_MAX_PENDING: 1 });
  try {
    const send = (key: string): Promise<Answer> => post(strict, event(), { key });
    const plain = await strict.createTenant('plain');
    expect((await send(plain)).status).toBe(202);
    expectProblem(await send(plain), 429, 'backlog_full');
    const own = await strict.createTenant('own');
    await setIngestLimits(strict.pool, 'own', { maxPending: 2 });
    expect([(await send(own)).status, (await send(own)).status, (await send(own)).status]).toEqual([202, 202, 429]);
  } finally {
    await strict.stop();
  }
});

it('changed limits are in force at once: what was taken ahead under the old ones is worth nothing', async () => {
  const limiter = createIngestLimiter(postgresStores(api.pool).meter, NO_LIMITS);
  await api.createTenant('changed');
  expect(await limiter.admit('changed', { ratePerSecond: 1_000, burst: 100 }, 1)).toMatchObject({});
  await expect(limiter.admit('changed', { ratePerSecond: 0, burst: 100 }, 1)).rejects.toMatchObject({
    code: 'rate_limited',
  });
});

it('one statement serves the requests that come at the same time', async () => {
  const { meter } = postgresStores(api.pool);
  let statements = 0;
  const takeTokens: typeof meter.takeTokens = (...args) => {
    statements += 1;
    return meter.takeTokens(...args);
  };
  const limiter = createIngestLimiter({ ...meter, takeTokens }, NO_LIMITS);
  await api.createTenant('busy');
  const limits = { ratePerSecond: 1_000, burst: 100 };
  await Promise.all(Array.from({ length: 50 }, async () => limiter.admit('busy', limits, 1)));
  expect(statements).toBe(1);
});

it('a backlog that could not be counted is counted again by the next request', async () => {
  const { meter } = postgresStores(api.pool);
  let fail = true;
  const countPending: typeof meter.countPending = (...args) => {
    if (!fail) return meter.countPending(...args);
    fail = false;
    return Promise.reject(new Error('the connection was lost'));
  };
  const limiter = createIngestLimiter({ ...meter, countPending }, NO_LIMITS);
  await api.createTenant('uncounted');
  await expect(limiter.admit('uncounted', { maxPending: 5 }, 1)).rejects.toThrow('the connection was lost');
  expect(await limiter.admit('uncounted', { maxPending: 5 }, 1)).toEqual({});
});

it('several processes share one bucket: no more than rate × time + burst, and what each has taken ahead', async () => {
  await api.createTenant('shared');
  const { meter } = postgresStores(api.pool);
  const processes = Array.from({ length: 4 }, () => createIngestLimiter(meter, NO_LIMITS));
  const limits = { ratePerSecond: 200, burst: 50 };
  const started = Date.now();
  let admitted = 0;
  await Promise.all(
    processes.map(async (limiter) => {
      while (Date.now() - started < 1_500) {
        await limiter.admit('shared', limits, 1)?.then(
          () => (admitted += 1),
          () => new Promise((resolve) => setTimeout(resolve, 5)),
        );
      }
    }),
  );
  const seconds = (Date.now() - started) / 1_000;
  expect(admitted).toBeLessThanOrEqual(200 * seconds + 50);
  expect(admitted).toBeGreaterThan(50);
});

it('a suspended tenant is refused with 403', async () => {
  const key = await api.createTenant('suspended');
  expect(await suspendTenant(api.pool, 'suspended', { by: 'ops', why: 'test' })).toBe(true);
  expectProblem(await post(api, event(), { key }), 403, 'forbidden');
});
