import type { Held } from './held';
import { MINE, heldValues } from './held';
import { fenced, readPublisher } from './publishers';
import type { PublisherRecord } from './publishers';
import type { Db } from './query';
import { query } from './query';

/** Topics that take no events, each with its error code. A Map, because a topic may be called `__proto__`. */
export type BlockedCodes = ReadonlyMap<string, string>;

/** What a publisher's row says. */
export function blockedCodes({ blocked }: Pick<PublisherRecord, 'blocked'>): BlockedCodes {
  return new Map(Object.entries(blocked ?? {}).map(([topic, code]) => [topic, String(code)]));
}

/** Writes which topics are blocked; throws FENCED under another fence. */
export async function writeBlocked(db: Db, held: Held, blocked: BlockedCodes): Promise<void> {
  const rows = await query(
    db,
    `update outbox.publishers set blocked = $5::jsonb, updated_at = clock_timestamp() where ${MINE} returning 1`,
    [...heldValues(held), blocked.size === 0 ? null : JSON.stringify(Object.fromEntries(blocked))],
  );
  if (rows.length === 0) throw fenced(held.ref, held.fence, await readPublisher(db, held.ref));
}
