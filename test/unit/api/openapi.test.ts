import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AdminContext } from '../../../src/api/admin/context';
import { expressPath, mountRoutes } from '../../../src/api/admin/mount';
import { openApiDocument } from '../../../src/api/admin/openapi';
import { adminRoutes } from '../../../src/api/admin/routes';

/** Nothing of the context is used before a request comes. */
const routes = adminRoutes({} as AdminContext, '1.2.3');
const document = openApiDocument(routes, '1.2.3') as unknown as {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
};

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { name: string; in: string; required: boolean; schema: object }[];
  readonly requestBody?: { readonly content: Record<string, { schema: Record<string, unknown> }> };
  readonly responses: Record<string, { readonly content?: Record<string, { schema: Record<string, unknown> }> }>;
}

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

test('every mounted route is described, and every described one is mounted', () => {
  interface Layer {
    readonly route?: { readonly path: string; readonly methods: Record<string, boolean> };
  }
  const { stack } = mountRoutes(routes) as unknown as { readonly stack: readonly Layer[] };
  const mounted = stack.flatMap(({ route }) =>
    Object.keys(route?.methods ?? {})
      // The answer of 405 to every other method.
      .filter((method) => method !== '_all')
      .map((method) => `${method} ${route?.path}`),
  );
  const described = operations.map(({ path, method }) => `${method} ${expressPath(path)}`);
  expect(described.length).toBeGreaterThan(20);
  expect(mounted.sort()).toEqual(described.sort());
});

test.each(operations)('$method $path is described wholly', ({ path, operation }) => {
  const inPath = operation.parameters.filter((parameter) => parameter.in === 'path');
  expect(inPath.map(({ name }) => `{${name}}`).sort()).toEqual((path.match(/\{\w+\}/g) ?? []).sort());
  for (const parameter of inPath) expect(parameter).toMatchObject({ required: true, schema: { type: 'string' } });
  for (const { content } of Object.values(operation.responses)) {
    for (const { schema } of Object.values(content ?? {})) expect(Object.keys(schema)).not.toHaveLength(0);
  }
  const body = operation.requestBody?.content['application/json']?.schema;
  // Strict: a client that is generated of it learns that other fields are refused.
  if (body !== undefined) expect(body).toMatchObject({ type: 'object', additionalProperties: false });
});

test('docs/admin-api.md lists every route with its scope, and no other', () => {
  const page = readFileSync(join(__dirname, '../../../docs/admin-api.md'), 'utf8');
  const listed = [...page.matchAll(/^\| `([A-Z]+ \/admin[^`]*)` \| (\w+) \|/gm)].map(
    (match) => `${match[1]} ${match[2]}`,
  );
  expect(listed.sort()).toEqual(routes.map((one) => `${one.method.toUpperCase()} ${one.path} ${one.scope}`).sort());
});

test('operation ids are unique, and whoever changes something says why or gets a key', () => {
  const ids = operations.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  const needed = routes.filter((route) => route.method !== 'get' && route.scope === 'operate');
  for (const { id, body } of needed) {
    expect([id, body?.safeParse({}).error?.issues.some((issue) => issue.path[0] === 'why')]).toEqual([id, true]);
  }
});

test('the document is plain JSON of OpenAPI 3.1', () => {
  expect(document.openapi).toBe('3.1.0');
  expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  const refs = JSON.stringify(document).match(/"\$ref":"[^"]+"/g) ?? [];
  expect(new Set(refs)).toEqual(new Set(['"$ref":"#/components/schemas/Problem"']));
});
