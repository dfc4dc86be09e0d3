import fc from 'fast-check';
import { event, expectProblem, get, post, startTestApi } from './support';
import type { TestApi } from './support';

let api: TestApi;
let key: string;

beforeAll(async () => {
  api = await startTestApi();
  key = await api.createTenant('acme');
});
afterAll(() => api.stop());

async function row(id: unknown): Promise<Record<string, unknown>> {
  const { rows } = await api.pool.query('select * from outbox.events where event_id = $1', [id]);
  return rows[0] as Record<string, unknown>;
}

describe('POST /v1/events', () => {
  test('stores the event, wakes its publisher after the commit, and GET shows it', async () => {
    const body = event({ key: 'order-42', dedupeKey: 'd-1', headers: { a: 'b' } });
    const answer = await post(api, body, { key });
    expect(answer.status).toBe(202);
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^\d+$/),
      tenant: 'acme',
      status: 'pending',
      duplicate: false,
    });
    expect(api.wakes.at(-1)).toEqual({ tenant: 'acme', destination: 'kafka', shard: 0 });
    const shown = await get(api, `/v1/events/${String(answer.body['id'])}`, key);
    expect(shown.status).toBe(200);
    expect(shown.body).toEqual({
      id: answer.body['id'],
      tenant: 'acme',
      topic: 'orders',
      type: 'order.created',
      key: 'order-42',
      dedupeKey: 'd-1',
      status: 'pending',
      acceptedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      publishedAt: null,
      batch: null,
      partition: null,
      offset: null,
      error: null,
    });
  });

  test('the dedupe matrix', async () => {
    const first = await post(api, event({ dedupeKey: 'd-2' }), { key });
    const again = await post(api, event(), { key, headers: { 'idempotency-key': 'd-2' } });
    expect(again.status).toBe(202);
    expect(again.body).toEqual({ ...first.body, duplicate: true });
    const same = await post(api, event({ dedupeKey: 'd-2' }), { key, headers: { 'idempotency-key': 'd-2' } });
    expect(same.body['duplicate']).toBe(true);
    expectProblem(
      await post(api, event({ dedupeKey: 'd-2' }), { key, headers: { 'idempotency-key': 'd-3' } }),
      422,
      'dedupe_key_mismatch',
    );
    for (const change of [
      { topic: 'o2' },
      { type: 't2' },
      { key: 'k2' },
      { headers: { x: 'y' } },
      { payload: { n: 2 } },
    ]) {
      expectProblem(await post(api, event({ dedupeKey: 'd-2', ...change }), { key }), 422, 'dedupe_conflict');
    }
    const other = await api.createTenant('dedupe-other');
    const foreign = await post(api, event({ dedupeKey: 'd-2' }), { key: other });
    expect(foreign.body['duplicate']).toBe(false);
    expect(foreign.body['id']).not.toBe(first.body['id']);
  });

  test('the same key at the same time: one event, one id', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => post(api, event({ dedupeKey: 'd-race' }), { key })),
    );
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
    expect(new Set(answers.map((answer) => answer.body['id'])).size).toBe(1);
    expect(answers.filter((answer) => answer.body['duplicate'] === false)).toHaveLength(1);
  });

  test('concurrent posts of several tenants are committed in groups, each answered with its own id', async () => {
    const keys = [key, await api.createTenant('group-a'), await api.createTenant('group-b')];
    const transactions = async (): Promise<number> => {
      const { rows } = await api.pool.query<{ n: string }>('select count(distinct xmin::text) as n from outbox.events');
      return Number(rows[0]?.n);
    };
    const before = await transactions();
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, n) =>
        post(api, event({ payload: n, dedupeKey: `g-${n}` }), { key: keys[n % 3] }),
      ),
    );
    expect(new Set(answers.map((answer) => answer.body['id'])).size).toBe(300);
    for (const [n, answer] of answers.entries()) {
      expect(answer.status).toBe(202);
      expect(answer.body['tenant']).toBe(['acme', 'group-a', 'group-b'][n % 3]);
      expect(String((await row(answer.body['id']))['payload'])).toBe(String(n));
    }
    expect((await transactions()) - before).toBeLessThan(300);
  });

  test('one bad row of a group fails alone', async () => {
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, n) => post(api, event({ payload: n, dedupeKey: `bad-${n % 15}` }), { key })),
    );
    expect(answers.filter((answer) => answer.status === 202)).toHaveLength(15);
    expect(answers.filter((answer) => answer.status === 422)).toHaveLength(15);
  });

  test('a valid traceparent is kept unless given; a malformed one is ignored', async () => {
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const kept = await post(api, event(), { key, headers: { traceparent: trace } });
    expect((await row(kept.body['id']))['headers']).toEqual({ traceparent: trace });
    const own = await post(api, event({ headers: { Traceparent: 'mine' } }), { key, headers: { traceparent: trace } });
    expect((await row(own.body['id']))['headers']).toEqual({ Traceparent: 'mine' });
    const bad = await post(api, event(), { key, headers: { traceparent: trace.replace('00-', 'ff-') } });
    expect((await row(bad.body['id']))['headers']).toBeNull();
    const retry = await post(api, event({ dedupeKey: 'trace' }), { key, headers: { traceparent: trace } });
    const second = await post(api, event({ dedupeKey: 'trace' }), { key });
    expect(second.body).toEqual({ ...retry.body, duplicate: true });
  });

  test('request ids are echoed when sane and minted otherwise; security headers are set', async () => {
    const sane = await post(api, event(), { key, headers: { 'x-request-id': 'abc-1' } });
    expect(sane.headers.get('x-request-id')).toBe('abc-1');
    const bad = await post(api, event(), { key, headers: { 'x-request-id': 'a b' } });
    expect(bad.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(bad.headers.get('x-powered-by')).toBeNull();
    expect(bad.headers.get('x-content-type-options')).toBe('nosniff');
    expect(bad.headers.get('content-security-policy')).toContain("default-src 'none'");
  });
});

describe('payload bytes', () => {
  async function payloadOf(body: string | Uint8Array): Promise<Buffer | null> {
    const answer = await post(api, body, { key });
    if (answer.status !== 202) throw new Error(JSON.stringify(answer.body));
    return (await row(answer.body['id']))['payload'] as Buffer | null;
  }

  test.each([
    '9007199254740993',
    '1e400',
    '-0',
    '0.10',
    '{ "b" : 1 ,\t"a":\n[ 1 , 2.0 ] }',
    '"\\u00e9 é 😀 \\ud83d\\ude00 \\/ \\\\u0000"',
    '{"payload":{"payload":1}}',
    'null',
    'false',
    '""',
    '[]',
  ])('%s is published as it was written', async (payload) => {
    expect(String(await payloadOf(`{"type":"t", "topic":"orders","payload": ${payload} }`))).toBe(payload);
    expect(
      String(await payloadOf(`{"payload":${payload},"headers":{"payload":"é"},"topic":"orders","type":"ü"}`)),
    ).toBe(payload);
  });

  test('any JSON, any spelling', async () => {
    const blank = fc.string({ unit: fc.constantFrom(' ', '\t', '\n', '\r'), maxLength: 3 });
    const json = fc.oneof(
      fc.json({ maxDepth: 4, noUnicodeString: false }),
      fc.jsonValue().map((value) => JSON.stringify(value, null, 2)),
      fc.bigInt().map(String),
    );
    const usable = json.filter((text) => !/\\u0000|\\ud[89a-f]|__proto__/i.test(text) && !hasDuplicateNames(text));
    await fc.assert(
      fc.asyncProperty(usable, blank, blank, async (payload, before, after) => {
        const body = `{"topic":"orders","type":"é","payload":${before}${payload}${after}}`;
        expect(String(await payloadOf(body))).toBe(payload);
      }),
      { numRuns: 150 },
    );
  });

  test('any bytes as base64; a tombstone is null; content types', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        const payload = await payloadOf(
          JSON.stringify(event({ payload: undefined, payloadBase64: Buffer.from(bytes).toString('base64') })),
        );
        expect(payload).toEqual(Buffer.from(bytes));
      }),
      { numRuns: 50 },
    );
    expect(await payloadOf(JSON.stringify(event({ payload: undefined, tombstone: true })))).toBeNull();
    const typed = await post(api, event({ payload: undefined, payloadBase64: 'AA==', contentType: 'x/y' }), { key });
    expect((await row(typed.body['id']))['content_type']).toBe('x/y');
    const plain = await post(api, event(), { key });
    expect((await row(plain.body['id']))['content_type']).toBe('application/json');
  });
});

describe('POST /v1/events/batch', () => {
  const path = '/v1/events/batch';
  const ndjson = { 'content-type': 'application/x-ndjson' };

  test('an array and NDJSON, in order, with exact payloads', async () => {
    const array = await post(
      api,
      '[{"topic":"orders","type":"a","payload":1.0},\n{"topic":"orders","type":"b","payload":[ 9007199254740993 ]}]',
      { key, path },
    );
    expect(array.status).toBe(202);
    expect(array.body).toEqual({ accepted: 2, duplicates: 0, ids: [expect.any(String), expect.any(String)] });
    const [first, second] = array.body['ids'] as string[];
    expect(BigInt(first ?? 0)).toBeLessThan(BigInt(second ?? 0));
    expect(String((await row(first))['payload'])).toBe('1.0');
    expect(String((await row(second))['payload'])).toBe('[ 9007199254740993 ]');
    const lines = await post(
      api,
      '{"topic":"orders","type":"a","payload":1}\r\n\n {"topic":"orders","type":"é","payload":"é" }\n',
      { key, path, headers: ndjson },
    );
    expect(lines.body).toMatchObject({ accepted: 2, duplicates: 0 });
    expect(String((await row((lines.body['ids'] as string[])[1]))['payload'])).toBe('"é"');
  });

  test('duplicates within and between batches are counted', async () => {
    const body = [event({ dedupeKey: 'b-1' }), event({ dedupeKey: 'b-1' }), event({ dedupeKey: 'b-2' })];
    const answer = await post(api, body, { key, path });
    const ids = answer.body['ids'] as string[];
    expect(answer.body).toMatchObject({ accepted: 2, duplicates: 1 });
    expect(ids[0]).toBe(ids[1]);
    expect((await post(api, body, { key, path })).body).toEqual({ accepted: 0, duplicates: 3, ids });
  });

  test('one bad event or one conflict and nothing is stored; the answer names it', async () => {
    await post(api, event({ dedupeKey: 'b-3' }), { key });
    const before = await api.stored();
    const bad = await post(api, [event(), event({ topic: 'a b' }), event({ extra: 1 })], { key, path });
    expectProblem(bad, 422, 'invalid_event');
    expect((bad.body['errors'] as { pointer: string }[]).map((error) => error.pointer)).toEqual([
      '/1/topic',
      '/2/extra',
    ]);
    const conflict = await post(api, [event(), event({ dedupeKey: 'b-3', payload: 2 })], { key, path });
    expectProblem(conflict, 422, 'dedupe_conflict');
    expect((conflict.body['errors'] as { pointer: string }[])[0]?.pointer).toBe('/1/dedupeKey');
    expectProblem(
      await post(api, [event({ dedupeKey: 'b-4' }), event({ dedupeKey: 'b-4', type: 'x' })], { key, path }),
      422,
    );
    expectProblem(
      await post(api, [event()], { key, path, headers: { 'idempotency-key': 'x' } }),
      400,
      'invalid_header',
    );
    expect(await api.stored()).toBe(before);
  });

  test('limits: none, one, the most, one more', async () => {
    const small = (n: number): string =>
      `[${Array.from({ length: n }, () => '{"topic":"o","type":"t","payload":0}').join(',')}]`;
    expectProblem(await post(api, '[]', { key, path }), 422, 'invalid_body');
    expectProblem(await post(api, '\n\n', { key, path, headers: ndjson }), 422, 'invalid_body');
    expect((await post(api, small(1), { key, path })).status).toBe(202);
    expect((await post(api, small(1_000), { key, path })).body['accepted']).toBe(1_000);
    expectProblem(await post(api, small(1_001), { key, path }), 413, 'batch_too_large');
    const lines = small(1_001).slice(1, -1).replaceAll('},{', '}\n{');
    expectProblem(await post(api, lines, { key, path, headers: ndjson }), 413, 'batch_too_large');
  });
});

function hasDuplicateNames(text: string): boolean {
  return (
    JSON.stringify(JSON.parse(text)).length < text.replace(/\s/g, '').length && /"([^"]*)":[\s\S]*"\1":/.test(text)
  );
}
