import type { AdminContext } from '../../../src/api/admin/context';
import { adminRoutes } from '../../../src/api/admin/routes';
import { ADMIN_KEY, admin } from '../api/support';
import type { Answer } from '../api/support';

/** The contracts alone: nothing of the context is used before a request comes. */
export const ROUTES = adminRoutes({} as AdminContext, '0.0.0');

export interface Input {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  readonly key?: string | null;
}

/** Calls a route by its operation id; a success must be just what the route's description says, field by field. */
export async function call(api: { readonly adminUrl: string }, id: string, input: Input = {}): Promise<Answer> {
  const route = ROUTES.find((one) => one.id === id);
  if (route === undefined) throw new Error(`there is no route ${id}`);
  const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(input.params?.[name] ?? ''));
  const given = Object.entries(input.query ?? {}).filter(([, value]) => value !== undefined);
  const query = new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)])).toString();
  const url = query === '' ? path : `${path}?${query}`;
  const answer = await admin(
    api,
    route.method.toUpperCase(),
    url,
    input.body,
    input.key === undefined ? ADMIN_KEY : input.key,
  );
  if (answer.status < 400) {
    expect(answer.status).toBe(route.status ?? 200);
    if (answer.status !== 204) expect(route.answer.parse(answer.body)).toEqual(answer.body);
  }
  return answer;
}

/** All items of a list, page by page. */
export async function all(
  api: { readonly adminUrl: string },
  id: string,
  items: string,
  input: Input = {},
): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < 1_000; pages += 1) {
    const { status, body } = await call(api, id, { ...input, query: { ...input.query, cursor } });
    if (status !== 200) throw new Error(`${id}: ${status} ${JSON.stringify(body)}`);
    found.push(...(body[items] as Record<string, unknown>[]));
    if (body['next'] === null) return found;
    cursor = String(body['next']);
  }
  throw new Error(`${id} does not end`);
}

/** Creates an admin key and returns its text. */
export async function adminKey(
  api: { readonly adminUrl: string },
  scopes: readonly string[],
  tenant?: string,
): Promise<string> {
  const body = { label: `test ${scopes.join('+')}`, scopes, ...(tenant === undefined ? {} : { tenant }) };
  const answer = await call(api, 'createAdminKey', { body });
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  return String(answer.body['key']);
}
