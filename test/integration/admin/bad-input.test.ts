import fc from 'fast-check';
import { ADMIN_KEY, expectProblem, startTestApi } from '../api/support';
import type { Answer, TestApi } from '../api/support';
import type { AdminRoute } from '../../../src/api/admin/route';
import { ROUTES } from './support';

/** Whatever comes in, every answer is a 4xx problem document, and nothing changes. */

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await api.createTenant('acme');
});
afterAll(async () => {
  const { rows } = await api.pool.query<{ n: number }>('select count(*)::int as n from outbox.audit');
  expect(rows[0]?.n).toBe(1);
  await api.stop();
});

const VALUES: Readonly<Record<string, string>> = { tenant: 'acme', id: '1', key_id: 'abc', replay_id: 'r1' };
const urlOf = (route: AdminRoute, values: Readonly<Record<string, string>> = VALUES): string =>
  route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? VALUES[name] ?? 'x');

async function send(
  route: AdminRoute,
  url: string,
  body?: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(api.adminUrl + url, {
    method: route.method.toUpperCase(),
    ...(body === undefined ? {} : { body }),
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
  });
  const text = await response.text();
  const json = (response.headers.get('content-type') ?? '').includes('json');
  return { status: response.status, headers: response.headers, body: json ? (JSON.parse(text) as Answer['body']) : {} };
}

const withBody = ROUTES.filter((route) => route.body !== undefined);
const gets = ROUTES.filter((route) => route.method === 'get');

const BODIES: [string, string | Uint8Array][] = [
  ['null', 'null'],
  ['an array', '[]'],
  ['a number', '5'],
  ['truncated', '{"why":"x"'],
  ['a duplicate name', '{"why":"x","why":"y"}'],
  ['an unknown field', '{"why":"x","surprise":1}'],
  ['__proto__', '{"why":"x","__proto__":{"why":"y"}}'],
  ['NUL', '{"why":"a\\u0000b"}'],
  ['a lone surrogate', '{"why":"\\ud800"}'],
  ['a byte-order mark', '\ufeff{"why":"x"}'],
  ['not UTF-8', Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d])],
  ['depth', `{"why":${'['.repeat(5_000)}${']'.repeat(5_000)}}`],
  ['too large', JSON.stringify({ why: 'x'.repeat(70_000) })],
  ['an empty reason', '{"why":""}'],
  ['a reason with line breaks', '{"why":"a\\nb"}'],
  ['a long reason', JSON.stringify({ why: 'x'.repeat(501) })],
  ['who, as the body claims', '{"why":"x","by":"root"}'],
];

test.each(withBody.map((route) => [`${route.method} ${route.path}`, route] as const))(
  'bodies of %s',
  async (_, route) => {
    for (const [, body] of BODIES) expectProblem(await send(route, urlOf(route), body));
    expectProblem(await send(route, urlOf(route), '{}', { 'content-type': 'text/plain' }), 415);
    expectProblem(await send(route, urlOf(route), '{}', { 'content-encoding': 'gzip' }));
    expectProblem(await send(route, `${urlOf(route)}?a=1`, '{}'), 400, 'invalid_parameter');
    expectProblem(await send(route, `${urlOf(route)}?token=1`, '{}'), 400, 'key_in_url');
  },
);

test.each(gets.map((route) => [route.path, route] as const))('parameters of %s', async (_, route) => {
  const known = Object.keys(route.query?.shape ?? {});
  for (const query of ['surprise=1', '%00=1', 'a=%00', 'a=%zz', 'constructor=1', '__proto__=1', 'api_key=x']) {
    expectProblem(await send(route, `${urlOf(route)}?${query}`), 400);
  }
  for (const name of known) {
    expectProblem(await send(route, `${urlOf(route)}?${name}=`), 400, 'invalid_parameter');
    expectProblem(await send(route, `${urlOf(route)}?${name}=a&${name}=a`), 400);
  }
  if (known.includes('limit')) {
    for (const limit of ['0', '501', '-1', '1.5', '1e2', '0x10', ' 1', '9'.repeat(400), 'NaN'])
      expectProblem(await send(route, `${urlOf(route)}?limit=${limit}`), 400, 'invalid_parameter');
  }
  if (known.includes('cursor')) {
    const cursors = [
      'x',
      'e30',
      '!!',
      'W10',
      Buffer.from('["pending","a\\u0000"]').toString('base64url'),
      'A'.repeat(1_001),
    ];
    for (const cursor of cursors)
      expectProblem(await send(route, `${urlOf(route)}?cursor=${cursor}`), 400, 'invalid_parameter');
  }
});

test.each(
  ROUTES.filter((route) => route.path.includes('{')).map((route) => [`${route.method} ${route.path}`, route] as const),
)('parts of %s', async (_, route) => {
  const names = [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
  for (const name of names) {
    for (const bad of [
      '%00',
      '%zz',
      'a..%2fb',
      'a%2fb',
      "';drop table outbox.events",
      '%ed%a0%80',
      'x'.repeat(300),
      '%20',
      'ö',
    ])
      expectProblem(
        await send(route, urlOf(route, { [name]: bad }), route.body === undefined ? undefined : '{"why":"x"}'),
      );
  }
});

test('arbitrary JSON, bytes and query strings never make a 5xx', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...withBody),
      fc.oneof(fc.json(), fc.uint8Array({ maxLength: 200 })),
      async (route, body) => {
        // A body that is optional may be {}: that is another test's.
        if (route.bodyOptional === true) return;
        expectProblem(await send(route, urlOf(route), body));
      },
    ),
    { numRuns: 200 },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...gets),
      fc.string({ unit: 'grapheme', maxLength: 40 }),
      fc.string({ unit: 'grapheme' }),
      async (route, name, value) => {
        const known = Object.keys(route.query?.shape ?? {});
        const parameter = encodeURIComponent(known[name.length % Math.max(known.length, 1)] ?? name);
        const answer = await send(route, `${urlOf(route)}?${parameter}=${encodeURIComponent(value)}`);
        if (answer.status !== 200) expectProblem(answer);
      },
    ),
    { numRuns: 150 },
  );
});

test.each([
  '/admin',
  '/admin/',
  '/admin/Outbox',
  '//admin/outbox',
  '/admin/outbox/',
  '/admin/outbox/tenant',
  '/admin/%6futbox%2fsummary',
])('GET %s is no route or the same route', async (url) => {
  const answer = await send(gets[0] as AdminRoute, url);
  if (answer.status !== 200) expectProblem(answer, 404, 'not_found');
});

test('other methods are refused with those that there are', async () => {
  for (const route of ROUTES) {
    const response = await fetch(api.adminUrl + urlOf(route), {
      method: 'PUT',
      headers: { authorization: `Bearer ${ADMIN_KEY}` },
    });
    expect([route.path, response.status]).toEqual([route.path, 405]);
    expect(response.headers.get('allow')).toContain(route.method.toUpperCase());
  }
});
