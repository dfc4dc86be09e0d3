import { expectProblem, startTestApi } from '../api/support';
import type { TestApi } from '../api/support';
import { all, call } from './support';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await api.createTenant('acme');
  // Of each key: the first is parked, the second waits behind it (set aside, as a drain does), the third is not looked at yet.
  await api.pool.query(
    `insert into outbox.events (tenant_id, topic, event_type, ordering_key, dedupe_key, payload, status, lane, error_code, error_reason, failed_at)
     select 'acme', 'orders', 't', 'key-' || k, k || '/' || n, '', case n when 1 then 'failed' else 'pending' end, case n when 2 then 2 else 0 end,
       case n when 1 then 'EVENT_TOO_LARGE' end, case n when 1 then 'It is too large.' end, case n when 1 then now() end
     from generate_series(1, 3) k cross join generate_series(1, 3) n order by n, k`,
  );
});
afterAll(() => api.stop());

const idOf = async (dedupe: string): Promise<string> => {
  const { rows } = await api.pool.query<{ id: string }>(
    'select event_id::text as id from outbox.events where dedupe_key = $1',
    [dedupe],
  );
  return rows[0]?.id ?? '';
};
const statusOf = async (dedupe: string): Promise<unknown> =>
  (await call(api, 'getEvent', { params: { tenant: 'acme', id: await idOf(dedupe) } })).body;
const entries = (action: string): Promise<Record<string, unknown>[]> =>
  all(api, 'listAudit', 'entries', { query: { action } });
const order = { tenant_id: 'acme', why: 'a test' };

test('what is not published, by reason, and which keys are held', async () => {
  const { body } = await call(api, 'listUndelivered');
  const count = (reason: string): unknown =>
    (body['tenants'] as { reasons: { reason: string }[] }[])[0]?.reasons.find((one) => one.reason === reason);
  expect(count('failed')).toMatchObject({ error_code: 'EVENT_TOO_LARGE', topic: 'orders', count: 3, exact: true });
  expect(count('held')).toMatchObject({ count: 3 });
  expect(count('pending')).toMatchObject({ count: 3 });
  const keys = await all(api, 'listHeldKeys', 'keys', { query: { limit: 1 } });
  expect(keys.map((held) => held['key'])).toEqual(['key-1', 'key-2', 'key-3']);
  expect(keys[0]).toMatchObject({ parked_event_id: await idOf('1/1'), waiting: { count: 1, exact: true } });
  expect(await statusOf('1/2')).toMatchObject({ status: 'pending', lane: 'live', held: true });
  expect(await statusOf('1/3')).toMatchObject({ held: false });
});

test('retry and skip: what cannot be changed is named, what was changed is in the audit and wakes the publisher', async () => {
  const [first, second, waiting] = [await idOf('1/1'), await idOf('2/1'), await idOf('2/3')];
  api.wakes.length = 0;
  const retried = await call(api, 'retryEvents', { body: { ...order, event_ids: [first, waiting, '999999'] } });
  expect(retried.body).toEqual({
    retried: 1,
    refused: expect.arrayContaining([
      { event_id: waiting, code: 'not_failed' },
      { event_id: '999999', code: 'not_found' },
    ]),
  });
  expect(await statusOf('1/1')).toMatchObject({ status: 'pending', error_code: null });
  const skipped = await call(api, 'skipEvents', { body: { ...order, event_ids: [second, Number(waiting)] } });
  expect(skipped.body).toEqual({ skipped: 2, refused: [] });
  expect(await statusOf('2/1')).toMatchObject({ status: 'skipped', last_error: expect.stringContaining('a test') });
  expect(api.wakes).toContainEqual({ tenant: 'acme', destination: 'kafka', shard: 0 });
  expect(await entries('event.retry')).toEqual([
    expect.objectContaining({ tenant_id: 'acme', why: 'a test', after: { event_ids: [first] } }),
  ]);
  expect(await entries('event.skip')).toHaveLength(1);
  const nothing = await call(api, 'retryEvents', { body: { ...order, event_ids: [first] } });
  expect(nothing.body).toMatchObject({ retried: 0 });
  expect(await entries('event.retry')).toHaveLength(1);
});

test('releases a key', async () => {
  const released = await call(api, 'releaseKey', { body: { ...order, key: 'key-3', action: 'retry' } });
  expect(released.body).toEqual({ released: true, events: 1, refused: [] });
  expect(await statusOf('3/1')).toMatchObject({ status: 'pending' });
  expectProblem(await call(api, 'releaseKey', { body: { ...order, key: 'key-3', action: 'skip' } }), 404, 'not_found');
  expectProblem(await call(api, 'releaseKey', { body: { ...order, key: 'key-3', action: 'drop' } }), 422);
  expect(await entries('key.retry')).toEqual([expect.objectContaining({ subject: 'key-3' })]);
});

test('an event that may be on its way is refused', async () => {
  const id = await idOf('1/3');
  const owner = (relay: number | null): Promise<unknown> =>
    api.pool.query(
      `update outbox.publishers set owner_relay = $1::int, owner_fence = $1::bigint where tenant_id = 'acme'`,
      [relay],
    );
  await owner(1);
  const { body } = await call(api, 'skipEvents', { body: { ...order, event_ids: [id] } });
  expect(body).toEqual({ skipped: 0, refused: [{ event_id: id, code: 'in_flight' }] });
  await owner(null);
});

test('without an audit entry nothing is changed', async () => {
  await api.pool.query('alter table outbox.audit add constraint broken check (false) not valid');
  const id = await idOf('2/2');
  const answer = await call(api, 'skipEvents', { body: { ...order, event_ids: [id] } });
  await api.pool.query('alter table outbox.audit drop constraint broken');
  expect(answer.status).toBeGreaterThanOrEqual(400);
  expect(await statusOf('2/2')).toMatchObject({ status: 'pending' });
});
