import type { Db } from './query';
import { query } from './query';

/** An event as it comes in, validated by the SQL function (callers validate earlier for better messages). */
export interface NewEvent {
  readonly tenant: string;
  readonly topic: string;
  readonly type: string;
  readonly key: string | null;
  /** null = a fresh UUIDv7. */
  readonly dedupeKey: string | null;
  readonly headers: Readonly<Record<string, string>> | null;
  /** Exact bytes; null = tombstone. */
  readonly payload: Uint8Array | null;
  readonly contentType: string | null;
}

/** What became of one event; aligned with the input. */
export interface Enqueued {
  /** Decimal string; the first event's id for a duplicate and for a conflict, null for an invalid event. */
  readonly id: string | null;
  readonly duplicate: boolean;
  readonly conflict: boolean;
  /** null = enqueued, or duplicate. See SQLSTATE in errors.ts. */
  readonly code: 'OB001' | 'OB002' | 'OB003' | null;
  /** Names field, rule and remedy. */
  readonly reason: string | null;
}

const COLUMNS = 'r.event_id::text as id, r.duplicate, r.conflict, r.code, r.reason';
const ARGUMENTS =
  '$1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::text[], $8::int[], $9::bytea';

/** SQL text of a strict call, for the library, which runs it on the caller's own client. */
export const ENQUEUE_STRICT = `select ${COLUMNS} from outbox.enqueue_many(${ARGUMENTS}, true) r order by r.ord`;

/**
 * Inserts events in one transaction of one statement and one round trip, for a caller that wakes the publishers itself
 * after it returns. Rows that conflict, are invalid or belong to an unknown tenant are reported and not inserted, the others
 * are. With `allOrNothing` the first such row raises instead (POSTGRES_REFUSED with `details.sqlstate` OB001 to OB003).
 */
export async function insertMany(
  db: Db,
  events: readonly NewEvent[],
  options: { readonly allOrNothing?: boolean } = {},
): Promise<Enqueued[]> {
  if (events.length === 0) return [];
  // The last argument depends on the setting, so the setting is made before the function runs its trigger.
  return query<Enqueued & Record<string, unknown>>(
    db,
    `with quiet as materialized (select set_config('outbox.wake', 'off', true) as wake)
     select ${COLUMNS} from quiet, lateral outbox.enqueue_many(${ARGUMENTS}, quiet.wake = 'off' and $10::boolean) r order by r.ord`,
    [...enqueueValues(events), options.allOrNothing ?? false],
  );
}

/** $1 to $9. Payloads travel as one blob: `pg` sends a Buffer as raw bytes, and an array of them as hex text. */
export function enqueueValues(events: readonly NewEvent[]): unknown[] {
  return [
    events.map((event) => event.tenant),
    events.map((event) => event.topic),
    events.map((event) => event.type),
    events.map((event) => event.key),
    events.map((event) => event.dedupeKey),
    events.map((event) => (event.headers === null ? null : JSON.stringify(event.headers))),
    events.map((event) => event.contentType),
    events.map((event) => (event.payload === null ? -1 : event.payload.byteLength)),
    Buffer.concat(events.flatMap((event) => (event.payload === null ? [] : [event.payload]))),
  ];
}
