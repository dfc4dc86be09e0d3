import type { ClientBase, Pool, PoolClient } from 'pg';
import { setTimeout as delay } from 'node:timers/promises';
import { contentTypeOf, payloadBytes } from './drafts';
import type { Draft } from './drafts';

/** `lost`: the answer never came, so the event may exist (its id is known if the database had named it). */
export type WriteOutcome =
  | { readonly kind: 'accepted'; readonly ids: readonly string[] }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'lost'; readonly ids: readonly (string | null)[] };

/** One SQL transaction of an application (`pool` listens to its connections' errors): enqueues, waits a while, commits or rolls back. */
export async function writeInTransaction(
  pool: Pool,
  drafts: readonly Draft[],
  options: { readonly commit: boolean; readonly holdMs: number; readonly enqueued?: () => void },
): Promise<WriteOutcome> {
  let client: PoolClient;
  try {
    client = await pool.connect();
  } catch (error) {
    options.enqueued?.();
    return refused(error);
  }
  const ids: string[] = [];
  let committing = false;
  let broken: Error | undefined;
  try {
    await client.query('begin');
    for (const draft of drafts) ids.push(await enqueue(client, draft));
    options.enqueued?.();
    if (options.holdMs > 0) await delay(options.holdMs);
    committing = options.commit;
    await client.query(options.commit ? 'commit' : 'rollback');
    return options.commit ? { kind: 'accepted', ids } : { kind: 'refused', why: 'rolled back' };
  } catch (error) {
    broken = error as Error;
    return committing ? { kind: 'lost', ids } : refused(error);
  } finally {
    options.enqueued?.();
    client.release(broken);
  }
}

/** Enqueues one draft in the transaction of `client`; resolves with its id. */
export async function enqueue(client: ClientBase, draft: Draft): Promise<string> {
  const json = typeof draft.payload === 'string';
  const { rows } = await client.query<{ id: string }>(
    json
      ? `select outbox.enqueue(tenant => $1, topic => $2, type => $3, payload => $4::text, key => $5, dedupe_key => $6, headers => $7) as id`
      : `select outbox.enqueue(tenant => $1, topic => $2, type => $3, payload => $4::bytea, key => $5, dedupe_key => $6, headers => $7,
           content_type => $8) as id`,
    [
      draft.tenant,
      draft.topic,
      draft.type,
      draft.payload,
      draft.key,
      draft.dedupeKey,
      draft.headers === null ? null : JSON.stringify(draft.headers),
      ...(json ? [] : [contentTypeOf(draft)]),
    ],
  );
  const id = rows[0]?.id;
  if (id === undefined) throw new Error('outbox.enqueue returned no row');
  return id;
}

/** One POST to /v1/events, or to /v1/events/batch for several. An answer that never comes is repeated (same dedupe keys). */
export async function post(
  url: string,
  apiKey: string,
  drafts: readonly Draft[],
  attempts: number,
): Promise<WriteOutcome> {
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await postOnce(url, apiKey, drafts);
    if (outcome.kind !== 'lost' || attempt >= attempts) return outcome;
    await delay(100 * attempt);
  }
}

async function postOnce(url: string, apiKey: string, drafts: readonly Draft[]): Promise<WriteOutcome> {
  const [single] = drafts;
  const one = drafts.length === 1 && single !== undefined;
  const body = one ? eventJson(single) : `[${drafts.map(eventJson).join(',')}]`;
  try {
    const response = await fetch(`${url}/v1/events${one ? '' : '/batch'}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    // 5xx and 429 decide nothing for ever; the same keys may be sent again.
    if (response.status >= 500 || response.status === 429) return { kind: 'lost', ids: drafts.map(() => null) };
    if (response.status !== 202) return { kind: 'refused', why: `${response.status} ${text.slice(0, 300)}` };
    const answer = JSON.parse(text) as { id?: string; ids?: string[] };
    return { kind: 'accepted', ids: one ? [answer.id ?? ''] : (answer.ids ?? []) };
  } catch {
    return { kind: 'lost', ids: drafts.map(() => null) };
  }
}

/** Written by hand, because the payload must be in the body exactly as drafted. */
function eventJson(draft: Draft): string {
  const { topic, type, key, dedupeKey, headers } = draft;
  const head = JSON.stringify({
    topic,
    type,
    dedupeKey,
    ...(key !== null && { key }),
    ...(headers !== null && { headers }),
  });
  return `${head.slice(0, -1)},${payloadJson(draft)}}`;
}

function payloadJson(draft: Draft): string {
  if (typeof draft.payload === 'string') return `"payload":${draft.payload}`;
  const bytes = payloadBytes(draft);
  if (bytes === null) return '"tombstone":true';
  return `"payloadBase64":"${bytes.toString('base64')}","contentType":"application/octet-stream"`;
}

function refused(error: unknown): WriteOutcome {
  return { kind: 'refused', why: error instanceof Error ? error.message : String(error) };
}
