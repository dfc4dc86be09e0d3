import type { Enqueued, NewEvent } from '../postgres/enqueue';
import { ENQUEUE_STRICT, enqueueValues } from '../postgres/enqueue';
import { translate } from './errors';
import { prepare } from './prepare';
import type { EnqueueEvent, EnqueueResult, Queryable } from './types';

/** One statement holds at most this much, so that a large set neither needs a huge message nor blocks others for long. */
const CHUNK_EVENTS = 2_000;
const CHUNK_BYTES = 8 * 1_048_576;

/**
 * Enqueues events in the caller's own transaction: they are published if and when it commits.
 * All or nothing: a problem with any of them throws. Problems found before anything is sent leave the transaction usable;
 * those found by the server abort it, as any failed statement does.
 *
 * @throws EnqueueError for an invalid event, a dedupe key used with other content, an unknown or suspended tenant
 */
export async function enqueue(client: Queryable, event: EnqueueEvent): Promise<EnqueueResult>;
export async function enqueue(client: Queryable, events: readonly EnqueueEvent[]): Promise<EnqueueResult[]>;
export async function enqueue(
  client: Queryable,
  input: EnqueueEvent | readonly EnqueueEvent[],
): Promise<EnqueueResult | EnqueueResult[]> {
  if (!isList(input)) return (await enqueueAll(client, [prepare(input, 'event')]))[0] as EnqueueResult;
  return enqueueAll(
    client,
    input.map((event, index) => prepare(event, `events[${index}]`)),
  );
}

async function enqueueAll(client: Queryable, events: readonly NewEvent[]): Promise<EnqueueResult[]> {
  const results: EnqueueResult[] = [];
  for (const chunk of chunks(events)) {
    const { rows } = await client.query(ENQUEUE_STRICT, enqueueValues(chunk)).catch((error: unknown) => {
      throw translate(error);
    });
    for (const row of rows as Enqueued[]) results.push({ id: row.id as string, duplicate: row.duplicate });
  }
  return results;
}

function* chunks(events: readonly NewEvent[]): Generator<readonly NewEvent[]> {
  let from = 0;
  let bytes = 0;
  for (let index = 0; index < events.length; index++) {
    const size = events[index]?.payload?.byteLength ?? 0;
    if (index > from && (index - from >= CHUNK_EVENTS || bytes + size > CHUNK_BYTES)) {
      yield events.slice(from, index);
      from = index;
      bytes = 0;
    }
    bytes += size;
  }
  if (from < events.length) yield events.slice(from);
}

function isList(input: EnqueueEvent | readonly EnqueueEvent[]): input is readonly EnqueueEvent[] {
  return Array.isArray(input);
}
