import type { EventStatus } from '../domain/event';
import { query } from './query';
import type { Db } from './query';

/**
 * Lists of events for operators, on a table with millions of published rows. Every list walks an index in its order, from a
 * position on, over at most `SCAN` rows: a filter that matches one row in a million then costs several requests, never a
 * statement that runs for minutes. Which index serves which status:
 *
 *   pending           events_pending (tenant, destination, shard, lane, event_id): the order in which they will be sent
 *   failed, skipped   events_status (status, tenant, created_at): oldest first
 *   published         the primary key backwards (tenant, event_id): newest first, other states passed over. An index of its own
 *                     would make settling a third dearer for the sake of a list
 */
export interface EventFilter {
  readonly status: EventStatus;
  readonly tenant: string | null;
  /** Part of the topic's name. */
  readonly topic: string | null;
  readonly type: string | null;
  readonly key: string | null;
  readonly errorCode: string | null;
  /** ISO-8601; by the time of acceptance, `after` included. */
  readonly after: string | null;
  readonly before: string | null;
}

/** Index rows that one request may pass over. */
export const SCAN = 50_000;
/** Most events of a page with payloads: 10 MiB of them at worst. */
export const PAYLOADS = 20;
/** Counts stop here. */
export const COUNT_CAP = 10_000;

/** Where a list goes on: the values of its index' columns. */
export type Position = readonly (string | number)[];

export interface ListedEvent {
  readonly id: string;
  readonly tenant: string;
  readonly topic: string;
  readonly type: string;
  readonly key: string | null;
  readonly dedupeKey: string;
  readonly status: EventStatus;
  readonly lane: 'live' | 'replay';
  /** It waits behind a parked event of its key. */
  readonly held: boolean;
  readonly attempts: number;
  readonly createdAt: Date;
  readonly publishedAt: Date | null;
  readonly failedAt: Date | null;
  /** `<relay>@<seq>`. A take-over that marked the event knows no place: partition and offset are null then. */
  readonly batch: string | null;
  readonly partition: number | null;
  readonly offset: string | null;
  readonly errorCode: string | null;
  readonly errorReason: string | null;
  readonly contentType: string | null;
  /** Null unless asked for, and of a tombstone. */
  readonly payload: Buffer | null;
}

interface Walk {
  readonly where: string;
  /** Columns of the index after the equal ones, with the types of their values. */
  readonly keys: readonly (readonly [column: string, type: string])[];
  readonly direction: 'asc' | 'desc';
}

const TENANT = ['tenant_id', 'text'] as const;
const ID = ['event_id', 'bigint'] as const;

function walkOf(status: EventStatus): Walk {
  if (status === 'pending') {
    const keys = [TENANT, ['destination', 'text'], ['shard', 'smallint'], ['lane', 'smallint'], ID] as const;
    return { where: `e.status = 'pending'`, keys, direction: 'asc' };
  }
  if (status === 'published') return { where: 'true', keys: [TENANT, ID], direction: 'desc' };
  return { where: `e.status = '${status}'`, keys: [TENANT, ['created_at', 'timestamptz'], ID], direction: 'asc' };
}

/** How many values a position of this status has, for who checks cursors. */
export function positionLength(status: EventStatus): number {
  return walkOf(status).keys.length;
}

/** $1 to $7 of every statement here. */
function filterValues(filter: EventFilter): unknown[] {
  const { tenant, topic, type, key, errorCode, after, before } = filter;
  return [tenant, topic, type, key, errorCode, after, before];
}

/** Parameters of absent filters are null at planning time, so that the planner drops them. */
const matches = (status: EventStatus): string => `e.status = '${status}'
  and ($2::text is null or strpos(e.topic, $2) > 0) and ($3::text is null or e.event_type = $3)
  and ($4::text is null or e.ordering_key = $4) and ($5::text is null or e.error_code = $5)
  and ($6::timestamptz is null or e.created_at >= $6) and ($7::timestamptz is null or e.created_at < $7)`;

/** Times keep their microseconds as text: rounded ones would show or skip rows of the same millisecond. */
const textOf = (column: string): string =>
  column === 'created_at'
    ? `to_char(e.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
    : `e.${column}::text`;

const LISTED = `e.event_id::text as id, e.tenant_id as tenant, e.topic, e.event_type as type, e.ordering_key as key,
  e.dedupe_key as "dedupeKey", e.status, case e.lane when 1 then 'replay' else 'live' end as lane,
  e.status = 'pending' and e.lane = 2 as held, e.attempts,
  e.created_at as "createdAt", e.published_at as "publishedAt", e.failed_at as "failedAt", 
  e.batch_relay || '@' || e.batch_seq as batch,
  e.topic_partition as partition, e.topic_offset::text as offset, e.error_code as "errorCode",
  e.error_reason as "errorReason", e.content_type as "contentType"`;

interface Row extends ListedEvent, Record<string, unknown> {
  readonly hit: boolean;
  /** Of the whole step: matching rows, and whether it reached the end of the list. */
  readonly hits: number;
  readonly ended: boolean;
  readonly position: string[];
}

/**
 * A page of events and where the next one begins, null at the end. A page may have fewer events than asked for, or none, and
 * still a next one: then the filter matched little among the rows looked at.
 */
export async function listEvents(
  db: Db,
  filter: EventFilter,
  options: { readonly position: Position | null; readonly limit: number; readonly payload: boolean },
): Promise<{ readonly events: readonly ListedEvent[]; readonly next: Position | null }> {
  const limit = options.payload ? Math.min(options.limit, PAYLOADS) : options.limit;
  const events: ListedEvent[] = [];
  let position = options.position;
  let left = SCAN;
  // Small steps first: most pages are full after the first one.
  for (let step = limit + 1; left > 0; step = Math.min(step * 10, left)) {
    const wanted = limit - events.length;
    const rows = await walk(db, filter, { position, step, wanted, payload: options.payload });
    const hits = rows.filter((row) => row.hit);
    events.push(...hits);
    const last = rows.at(-1);
    if (last === undefined || (last.ended && last.hits <= wanted)) return { events, next: null };
    if (last.hits >= wanted) return { events, next: hits.at(-1)?.position ?? position };
    position = last.position;
    left -= step;
  }
  return { events, next: position };
}

/** Up to `wanted` matching rows among the next `step`, and the last of the step whether it matches or not. */
async function walk(
  db: Db,
  filter: EventFilter,
  at: { readonly position: Position | null; readonly step: number; readonly wanted: number; readonly payload: boolean },
): Promise<Row[]> {
  const { where, keys, direction } = walkOf(filter.status);
  const columns = keys.map(([column]) => `e.${column}`).join(', ');
  const order = keys.map(([column]) => `e.${column} ${direction}`).join(', ');
  const from = keys.map(([, type], index) => `$${index + 11}::${type}`).join(', ');
  const beyond = at.position === null ? '' : `and (${columns}) ${direction === 'asc' ? '>' : '<'} (${from})`;
  return query<Row>(
    db,
    `with scanned as materialized (
       select e.tenant_id, e.event_id, (${matches(filter.status)}) as hit, row_number() over (order by ${order}) as n,
              array[${keys.map(([column]) => textOf(column)).join(', ')}] as position
       from outbox.events e
       where ${where} and ($1::text is null or e.tenant_id = $1) ${beyond}
       order by ${order} limit $8
     ), numbered as (
       select s.*, count(*) filter (where hit) over (order by n) as nth, count(*) filter (where hit) over () as hits,
              count(*) over () as total
       from scanned s
     )
     select s.hit and s.nth <= $9 as hit, s.hits::int, s.total < $8 as ended, s.position, ${LISTED},
            case when $10 then e.payload end as payload
     from numbered s
     left join outbox.events e on e.tenant_id = s.tenant_id and e.event_id = s.event_id and s.hit and s.nth <= $9
     where (s.hit and s.nth <= $9) or s.n = s.total
     order by s.n`,
    [...filterValues(filter), at.step, at.wanted, at.payload, ...(at.position ?? [])],
  );
}

/** How many match, exactly up to `COUNT_CAP`; not exact either when `SCAN` rows did not reach the end. */
export async function countEvents(db: Db, filter: EventFilter): Promise<{ count: number; exact: boolean }> {
  const { where, keys, direction } = walkOf(filter.status);
  const { topic, type, key, errorCode, after, before } = filter;
  const filtered = [topic, type, key, errorCode, after, before].some((value) => value !== null);
  const bound = filtered || filter.status === 'published' ? SCAN : COUNT_CAP + 1;
  const [row] = await query<{ hits: number; scanned: number }>(
    db,
    `select count(*) filter (where hit)::int as hits, count(*)::int as scanned from (
       select (${matches(filter.status)}) as hit from outbox.events e
       where ${where} and ($1::text is null or e.tenant_id = $1)
       order by ${keys.map(([column]) => `e.${column} ${direction}`).join(', ')} limit $8) s`,
    [...filterValues(filter), bound],
  );
  const { hits = 0, scanned = 0 } = row ?? {};
  return { count: Math.min(hits, COUNT_CAP), exact: scanned < bound && hits <= COUNT_CAP };
}

/** One event with everything; the payload only if asked for. Null if the tenant has none of this id. */
export async function readEvent(
  db: Db,
  tenant: string,
  id: string,
  payload: boolean,
): Promise<
  (ListedEvent & { readonly headers: Readonly<Record<string, string>> | null; readonly bytes: number | null }) | null
> {
  const rows = await query<
    ListedEvent & { headers: Record<string, string> | null; bytes: number | null } & Record<string, unknown>
  >(
    db,
    `select ${LISTED}, e.headers, octet_length(e.payload) as bytes, case when $3 then e.payload end as payload
     from outbox.events e where e.tenant_id = $1 and e.event_id = $2::bigint`,
    [tenant, id, payload],
  );
  return rows[0] ?? null;
}
