import type { EventStatus } from '../domain/event';
import type { Db } from './query';
import { query } from './query';

/** An event as the APIs show it: everything but its payload. Times are ISO-8601 in UTC. */
export interface StoredEvent {
  readonly id: string;
  readonly tenant: string;
  readonly topic: string;
  readonly type: string;
  readonly key: string | null;
  readonly dedupeKey: string;
  readonly status: EventStatus;
  readonly acceptedAt: string;
  readonly publishedAt: string | null;
  readonly batch: string | null;
  readonly partition: number | null;
  readonly offset: string | null;
  readonly error: { readonly code: string; readonly reason: string | null } | null;
}

const ISO = (column: string): string => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const MAX_ID = 9_223_372_036_854_775_807n;

/** The tenant's event of that id, or null. Ids that no event can have are null too, never an error. */
export async function getEvent(db: Db, tenant: string, id: string): Promise<StoredEvent | null> {
  if (!/^[0-9]{1,19}$/.test(id) || BigInt(id) > MAX_ID) return null;
  const rows = await query<StoredEvent & Record<string, unknown>>(
    db,
    `select event_id::text as id, tenant_id as tenant, topic, event_type as type, ordering_key as key,
            dedupe_key as "dedupeKey", status, ${ISO('created_at')} as "acceptedAt", ${ISO('published_at')} as "publishedAt",
            batch_relay || '@' || batch_seq as batch, topic_partition as partition, topic_offset::text as offset,
            case when error_code is not null then json_build_object('code', error_code, 'reason', error_reason) end as error
     from outbox.events where tenant_id = $1 and event_id = $2::bigint`,
    [tenant, id],
  );
  return rows[0] ?? null;
}

/** A tenant's events by status: with what was accepted, the two sides of "nothing is lost". Reads all of its rows. */
export async function countByStatus(db: Db, tenant: string): Promise<Record<EventStatus, number>> {
  const rows = await query<{ status: EventStatus; events: number }>(
    db,
    'select status, count(*)::float8 as events from outbox.events where tenant_id = $1 group by status',
    [tenant],
  );
  const counts: Record<EventStatus, number> = { pending: 0, published: 0, failed: 0, skipped: 0 };
  for (const row of rows) counts[row.status] = row.events;
  return counts;
}
