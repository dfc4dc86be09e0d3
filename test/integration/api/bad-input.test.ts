import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { event, expectProblem, get, post, startTestApi } from './support';
import type { TestApi } from './support';

/** Every answer is a 4xx problem document and nothing is stored, whatever comes in. */

let api: TestApi;
let key: string;

beforeAll(async () => {
  api = await startTestApi();
  key = await api.createTenant('acme');
});
afterAll(() => api.stop());
afterEach(async () => {
  const stored = await api.stored();
  await api.pool.query('truncate outbox.events');
  expect(stored).toBe(0);
});

const PATHS = ['/v1/events', '/v1/events/batch'] as const;
const wide = (n: number): string => `{${Array.from({ length: n }, (_, i) => `"k${i}":1`).join(',')}}`;

describe('bodies', () => {
  const bodies: [string, string | Uint8Array][] = [
    ['empty', ''],
    ['empty object', '{}'],
    ['null', 'null'],
    ['array', '[]'],
    ['number', '5'],
    ['truncated', '{"topic":"orders","type":"t","payload":{"a":'],
    ['duplicate names', '{"topic":"orders","topic":"orders","type":"t","payload":1}'],
    ['duplicate payload', '{"topic":"orders","type":"t","payload":1,"payload":2}'],
    ['too large', JSON.stringify(event({ payload: 'x'.repeat(1_048_577) }))],
    ['payload too large', JSON.stringify(event({ payload: 'x'.repeat(524_289) }))],
    ['base64 payload too large', JSON.stringify(event({ payload: undefined, payloadBase64: 'A'.repeat(4 * 174_764) }))],
    ['byte-order mark', `\ufeff${JSON.stringify(event())}`],
    [
      'not UTF-8',
      Buffer.concat([
        Buffer.from('{"topic":"orders","type":"'),
        Buffer.from([0xc3, 0x28]),
        Buffer.from('","payload":1}'),
      ]),
    ],
    ['lone surrogate in a field', '{"topic":"orders","type":"\\ud800","payload":1}'],
    ['lone surrogate in the payload', '{"topic":"orders","type":"t","payload":["\\udc00\\ud800"]}'],
    ['escaped NUL', '{"topic":"orders","type":"t","payload":"\\u0000"}'],
    ['escaped NUL in a name', '{"topic":"orders","type":"t","payload":{"\\u0000":1}}'],
    ['raw NUL', '{"topic":"orders","type":"t","payload":"\u0000"}'],
    ['raw NUL outside', `${JSON.stringify(event())}\u0000`],
    ['depth', `{"topic":"orders","type":"t","payload":${'['.repeat(10_000)}${']'.repeat(10_000)}}`],
    ['NaN', '{"topic":"orders","type":"t","payload":NaN}'],
    ['__proto__', '{"topic":"orders","type":"t","payload":1,"__proto__":{"topic":"x"}}'],
    ['constructor', '{"topic":"orders","type":"t","payload":1,"constructor":1}'],
    ['100,000 names', wide(100_000)],
    ['__proto__ as a header', '{"topic":"orders","type":"t","payload":1,"headers":{"__proto__":"x"}}'],
  ];
  test.each(PATHS.flatMap((path) => bodies.map(([name, body]) => [path, name, body] as const)))(
    '%s: %s',
    async (path, _name, body) => {
      expectProblem(await post(api, body, { key, path }));
      if (path !== '/v1/events') {
        expectProblem(await post(api, body, { key, path, headers: { 'content-type': 'application/x-ndjson' } }));
        if (typeof body === 'string')
          expectProblem(await post(api, `[${JSON.stringify(event())},${body}]`, { key, path }));
      }
    },
  );

  const fields: [string, unknown][] = [
    ...[
      undefined,
      null,
      1,
      '',
      '.',
      '..',
      'a b',
      'a/b',
      'ö',
      'x'.repeat(250),
      '__consumer_offsets',
      'outbox-ledger',
      ['orders'],
      "'; drop table events",
    ].map((value): [string, unknown] => ['topic', value]),
    ...[undefined, null, 1, '', {}, 'x'.repeat(256)].map((value): [string, unknown] => ['type', value]),
    ...[null, 1, '', 'x'.repeat(1_025), 'x'.repeat(1_000_000)].map((value): [string, unknown] => ['key', value]),
    ...[null, 7, '', 'x'.repeat(256), '😀'.repeat(256)].map((value): [string, unknown] => ['dedupeKey', value]),
    ...[
      null,
      'x',
      [],
      ['a'],
      { a: 1 },
      { a: null },
      { '': 'x' },
      { a: 'x'.repeat(4_097) },
      { ['n'.repeat(256)]: 'x' },
    ].map((value): [string, unknown] => ['headers', value]),
    ...['tenant-id', 'Event-ID', 'outbox-x', 'CE_id', 'X-Producer-Id'].map((name): [string, unknown] => [
      'headers',
      { [name]: 'x' },
    ]),
    ['headers', Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`h${i}`, 'x']))],
    ...[true, false, 'true', null].map((value): [string, unknown] => ['tombstone', value]),
    ...['', 'AA==', null, 5].map((value): [string, unknown] => ['payloadBase64', value]),
    ...[null, 1, '', 'x'.repeat(256)].map((value): [string, unknown] => ['contentType', value]),
    ['payload', undefined],
    ['tenant', 'other'],
    ['id', '1'],
    ['dedupe_key', 'x'],
    ['Topic', 'orders'],
  ];
  test.each(fields)('%s = %j', async (field, value) => {
    const answer = await post(api, event({ [field]: value }), { key });
    expectProblem(answer);
    expect(JSON.stringify(answer.body).length).toBeLessThan(10_000);
    expectProblem(await post(api, [event(), event({ [field]: value })], { key, path: '/v1/events/batch' }));
  });

  test.each(['A', 'AA', 'AA=', 'AA===', 'AB==', 'A A=', 'AA==\n', '-_==', 'AA==AA==', '😀'])(
    'base64 %j',
    async (payloadBase64) => {
      expectProblem(await post(api, event({ payload: undefined, payloadBase64 }), { key }), 422, 'invalid_event');
    },
  );

  test('contentType with a tombstone, two forms, three forms', async () => {
    expectProblem(await post(api, event({ payload: undefined, tombstone: true, contentType: 'x/y' }), { key }), 422);
    expectProblem(await post(api, event({ tombstone: true }), { key }), 422);
    expectProblem(await post(api, event({ tombstone: true, payloadBase64: '' }), { key }), 422);
  });

  test('random mutations of a valid body never make a 5xx, and only valid events are stored', async () => {
    const valid = JSON.stringify(event({ key: 'k', dedupeKey: 'fuzz', headers: { a: 'b' } }));
    const mutation = fc.tuple(
      fc.nat(valid.length),
      fc.nat(3),
      fc.constantFrom('', '{', '}', '"', '\\', ',', ':', '\u0000', '\\u0000', '\\ud800', 'é', '[', '1e999', 'null'),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...PATHS),
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        async (path, mutations) => {
          let body = valid;
          for (const [at, cut, insert] of mutations) body = body.slice(0, at) + insert + body.slice(at + cut);
          const answer = await post(api, body, { key, path });
          if (answer.status !== 202) expectProblem(answer);
        },
      ),
      { numRuns: 300 },
    );
    await api.pool.query('truncate outbox.events');
  });

  test('arbitrary JSON and arbitrary bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...PATHS),
        fc.oneof(fc.json(), fc.uint8Array({ maxLength: 300 })),
        async (path, body) => {
          expectProblem(await post(api, body, { key, path }));
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('headers and URLs', () => {
  const body = JSON.stringify(event());
  test.each<[string, Record<string, string>, number]>([
    ['text/plain', { 'content-type': 'text/plain' }, 415],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['utf-16', { 'content-type': 'application/json; charset=utf-16' }, 415],
    ['NDJSON for one event', { 'content-type': 'application/x-ndjson' }, 415],
    ['gzip', { 'content-encoding': 'gzip' }, 415],
    ['two encodings', { 'content-encoding': 'gzip, br' }, 415],
    ['unknown encoding', { 'content-encoding': 'x' }, 415],
    ['an empty Idempotency-Key', { 'idempotency-key': '' }, 400],
    ['a long Idempotency-Key', { 'idempotency-key': 'x'.repeat(256) }, 400],
    ['a non-ASCII Idempotency-Key', { 'idempotency-key': 'é' }, 400],
  ])('%s', async (_name, headers, status) => {
    expectProblem(await post(api, body, { key, headers }), status);
  });

  test('a gzip bomb is not inflated', async () => {
    const bomb = gzipSync(Buffer.alloc(30_000_000));
    expectProblem(await post(api, bomb, { key, headers: { 'content-encoding': 'gzip' } }), 415);
  });

  test.each(['/v1/events?key=obx_1', '/v1/events?access_token=x', '/v1/events?a=1', '/v1/events?%61pi_key=x'])(
    '%s',
    async (path) => {
      expectProblem(await post(api, body, { key, path }), 400);
    },
  );

  test.each(['/', '/v1', '/v2/events', '/v1/Events', '//v1/events', '/v1/events/1/2', '/v1/%65vents%2f', '/.env'])(
    'POST %s',
    async (path) => expectProblem(await post(api, body, { key, path })),
  );

  test.each([
    '0',
    '-1',
    '1e3',
    '01',
    '1.0',
    '9223372036854775808',
    '9'.repeat(400),
    'abc',
    "1';drop",
    '%00',
    '%zz',
    '1%00',
    '٣',
  ])('GET /v1/events/%s', async (id) => expectProblem(await get(api, `/v1/events/${id}`, key), 400));

  test('an id that nobody has, and an id of another tenant, are the same', async () => {
    const other = await api.createTenant('other');
    const stored = await post(api, event(), { key: other });
    const id = String(stored.body['id']);
    expect((await get(api, `/v1/events/${id}`, other)).status).toBe(200);
    const foreign = await get(api, `/v1/events/${id}`, key);
    expectProblem(foreign, 404, 'not_found');
    expectProblem(await get(api, '/v1/events/9223372036854775807', key), 404, 'not_found');
    await api.pool.query('truncate outbox.events');
  });

  test.each(['PUT', 'PATCH', 'DELETE', 'GET', 'HEAD'])('%s /v1/events', async (method) => {
    const response = await fetch(`${api.ingestUrl}/v1/events`, { method, headers: { authorization: `Bearer ${key}` } });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('POST, OPTIONS');
  });

  test('OPTIONS lists the methods; HEAD of an event is a GET without a body', async () => {
    const options = await fetch(`${api.ingestUrl}/v1/events`, { method: 'OPTIONS' });
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'POST, OPTIONS']);
    const head = await fetch(`${api.ingestUrl}/v1/events/1`, {
      method: 'HEAD',
      headers: { authorization: `Bearer ${key}` },
    });
    expect([head.status, await head.text()]).toEqual([404, '']);
  });
});

describe('raw sockets', () => {
  /** Sends bytes as they are and returns all that comes back until the server closes, or `ms` pass. */
  function exchange(text: string, ms = 1_000): Promise<string> {
    return new Promise((resolve) => {
      const url = new URL(api.ingestUrl);
      const socket = connect(Number(url.port), url.hostname, () => socket.write(text, 'latin1'));
      let received = '';
      const end = (): void => {
        socket.destroy();
        resolve(received);
      };
      const timer = setTimeout(end, ms);
      socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
      socket.on('error', () => undefined);
      socket.on('close', () => {
        clearTimeout(timer);
        end();
      });
    });
  }
  const auth = (): string => `Host: x\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\n`;

  test.each<[string, () => string, RegExp]>([
    ['no HTTP', () => 'hello\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['a TLS hello', () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', /^HTTP\/1\.1 400 /],
    ['a bad method', () => 'FOO /v1/events HTTP/1.1\r\nHost: x\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['TRACE', () => 'TRACE /v1/events HTTP/1.1\r\nHost: x\r\n\r\n', /^HTTP\/1\.1 405 /],
    ['no Host', () => 'GET /v1/events HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
    [
      '64 KiB of headers',
      () => `POST /v1/events HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(65_536)}\r\n\r\n`,
      /^HTTP\/1\.1 431 /,
    ],
    [
      '3,000 headers, none lost',
      () => `POST /v1/events HTTP/1.1\r\nHost: x\r\n${'a: 1\r\n'.repeat(3_000)}\r\n`,
      /^HTTP\/1\.1 401 /,
    ],
    [
      'two lengths',
      () => `POST /v1/events HTTP/1.1\r\n${auth()}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
      /^HTTP\/1\.1 400 /,
    ],
    [
      'length and chunks',
      () => `POST /v1/events HTTP/1.1\r\n${auth()}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      /^HTTP\/1\.1 400 /,
    ],
    [
      'two keys',
      () => `POST /v1/events HTTP/1.1\r\n${auth()}Authorization: Bearer x\r\nContent-Length: 2\r\n\r\n{}`,
      /^HTTP\/1\.1 400 [\s\S]*several Authorization/,
    ],
    [
      'two Idempotency-Keys',
      () =>
        `POST /v1/events HTTP/1.1\r\n${auth()}Idempotency-Key: a\r\nIdempotency-Key: a\r\nContent-Length: 2\r\n\r\n{}`,
      /^HTTP\/1\.1 400 /,
    ],
    ['a NUL in a header', () => `POST /v1/events HTTP/1.1\r\n${auth()}X: a\0b\r\n\r\n`, /^HTTP\/1\.1 400 /],
    ['a NUL in the path', () => 'GET /v1/events/\0 HTTP/1.1\r\nHost: x\r\n\r\n', /^HTTP\/1\.1 400 /],
  ])('%s', async (_name, text, expected) => {
    const received = await exchange(text());
    expect(received).toMatch(expected);
    expect(received).toMatch(/content-type: application\/problem\+json/i);
  });

  test('two hundred pipelined requests are answered in order', async () => {
    const one = `GET /v1/events/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n\r\n`;
    const received = await exchange(one.repeat(200), 3_000);
    expect(received.match(/HTTP\/1\.1 404/g)).toHaveLength(200);
  });

  test('slow headers and slow bodies are cut within 19 s', async () => {
    const started = Date.now();
    const [headers, body] = await Promise.all([
      exchange('POST /v1/events HTTP/1.1\r\nHost: x\r\n', 25_000),
      exchange(`POST /v1/events HTTP/1.1\r\n${auth()}Content-Length: 100\r\n\r\n{`, 25_000),
    ]);
    expect(Date.now() - started).toBeLessThan(19_000);
    expect(headers).toMatch(/^HTTP\/1\.1 408 /);
    expect(body).toMatch(/^(HTTP\/1\.1 40[08] |$)/);
  }, 30_000);
});
