import type { AdminClient } from './admin-client';
import { listOf, note, recordOf, without } from './output';

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** Most rows of one page that the admin API gives. */
export const PAGE = 500;

/** A path of the admin API; every value is one segment, whatever is in it. */
export function path(strings: TemplateStringsArray, ...segments: readonly string[]): string {
  return strings.reduce((text, part, index) => text + encodeURIComponent(segments[index - 1] ?? '') + part);
}

/** The query string of what is given, '' if nothing is. */
export function queryOf(query: Query): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.append(name, String(value));
  const text = given.toString();
  return text === '' ? '' : `?${text}`;
}

/** The pages of a list, by cursor, from the given one on. */
export async function* pages(client: AdminClient, route: string, query: Query): AsyncGenerator<unknown> {
  let cursor = query['cursor'];
  do {
    const page = await client.request('GET', route + queryOf({ ...query, cursor }));
    yield page;
    const next = recordOf(page)['next'];
    cursor = typeof next === 'string' ? next : undefined;
  } while (cursor !== undefined);
}

export interface Listed {
  readonly rows: readonly Record<string, unknown>[];
  /** The answer with all rows, the other fields as the first page gave them, `next` as the last did. */
  readonly answer: Record<string, unknown>;
}

/** Up to `most` rows of the list `name`. */
export async function list(
  client: AdminClient,
  route: string,
  name: string,
  query: Query,
  most: number,
): Promise<Listed> {
  const rows: Record<string, unknown>[] = [];
  let first: Record<string, unknown> | null = null;
  let cursor = query['cursor'];
  do {
    const limit = Math.min(PAGE, most - rows.length);
    const page = recordOf(await client.request('GET', route + queryOf({ ...query, limit, cursor })));
    first ??= page;
    rows.push(...listOf(page, name));
    cursor = typeof page['next'] === 'string' ? page['next'] : undefined;
  } while (cursor !== undefined && rows.length < most);
  // `count` is the size of one page, which says nothing about all of them.
  return { rows, answer: { ...without(first, 'count'), [name]: rows, next: cursor ?? null } };
}

/** Says on stderr that the list goes on. A table that silently stops would be taken for the whole. */
export function noteMore(listed: Listed): void {
  const next = listed.answer['next'];
  if (typeof next !== 'string') return;
  note(`There is more: raise --limit, or go on with --cursor ${next}`);
}
