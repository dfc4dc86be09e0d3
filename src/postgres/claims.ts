import type { OutboxEvent } from '../domain/event';
import { OutboxError } from '../domain/errors';
import type { PublisherRef } from '../domain/publisher';
import type { Db } from './query';
import { query, queryText } from './query';
import { refColumns, refOf, refValues } from './publishers';

const COLUMNS = `e.event_id, e.dedupe_key, e.topic, e.event_type, e.ordering_key, e.headers, e.payload, e.content_type,
  e.created_at at time zone 'UTC', e.attempts, e.lane`;
const ORDER = 'order by e.lane, e.event_id';

/** Counted for an event beside its payload: key, headers, type. */
export const EVENT_BYTES = 400;

/** Columns as the server's text, in the order of COLUMNS. */
type Columns = [
  id: string,
  dedupeKey: string,
  topic: string,
  type: string,
  key: string | null,
  headers: string | null,
  payload: string | null,
  contentType: string | null,
  createdAt: string,
  attempts: string,
  lane: string,
];

/**
 * The next pending events of a publisher, as many as fit into `limit` and `maxBytes` (at least one), live lane first, then by
 * id, without members of its unsettled batches and without `excludeTopics`. Takes no locks: what makes it safe is that recording requires the returned revision and fence.
 *
 * Bytes are counted by the server (`octet_length` reads the size of a toasted value from its pointer): a claim of 6,000 events
 * of 512 KiB would otherwise bring 3 GiB before anybody could look at it.
 *
 * Unsettled members are excluded by value, never by an id bound: a transaction that commits late has a lower id.
 * `not in (select …)` becomes a hashed filter over the index scan and keeps its order; an anti-join written as
 * `not exists` would be planned as a hash join, which loses the order and reads the whole backlog.
 */
export async function selectPending(
  db: Db,
  ref: PublisherRef,
  options: { readonly limit: number; readonly maxBytes?: number; readonly excludeTopics?: readonly string[] },
): Promise<{ revision: number; events: OutboxEvent[] }> {
  const rows = await queryText<[string, ...Columns] | [string, null]>(
    db,
    `select p.revision, e.*
     from outbox.publishers p left join lateral (
       select ${COLUMNS} from (
         select c.*, sum(coalesce(octet_length(c.payload), 0) + ${EVENT_BYTES}) over w as so_far, row_number() over w as place
         from (
           select e.* from outbox.events e
           where e.tenant_id = $1 and e.destination = $2 and e.shard = $3 and e.status = 'pending'
             and e.event_id not in (
               select unnest(b.event_ids) from outbox.batches b
               where b.tenant_id = $1 and b.destination = $2 and b.shard = $3 and b.settled_at is null)
             and e.topic <> all ($5::text[])
           ${ORDER} limit $4
         ) c window w as (order by c.lane, c.event_id rows unbounded preceding)
       ) e
       where e.so_far <= $6::bigint or e.place = 1
       ${ORDER}
     ) e on true
     where p.tenant_id = $1 and p.destination = $2 and p.shard = $3`,
    [...refValues(ref), options.limit, options.excludeTopics ?? [], options.maxBytes ?? Number.MAX_SAFE_INTEGER],
  );
  const first = rows[0];
  if (first === undefined) {
    throw new OutboxError('INTERNAL', 'There is no row of this publisher. Take it over before selecting.', {
      details: refOf(ref),
    });
  }
  const events = first[1] === null ? [] : rows.map((row) => toEvent(ref.tenant, row.slice(1) as Columns));
  return { revision: Number(first[0]), events };
}

/** The named events in the order of `ids`, whatever their status: for sending a recorded batch again exactly. */
export async function eventsByIds(db: Db, tenant: string, ids: readonly string[]): Promise<OutboxEvent[]> {
  const rows = await queryText<Columns>(
    db,
    `select ${COLUMNS} from unnest($2::bigint[]) with ordinality as u (id, ord)
     join outbox.events e on e.tenant_id = $1 and e.event_id = u.id order by u.ord`,
    [tenant, ids],
  );
  if (rows.length !== ids.length) {
    throw new OutboxError(
      'LEDGER_MISMATCH',
      `A recorded batch names ${ids.length} events, ${rows.length} are stored. Was the database restored or cleaned by hand? An operator must decide: unhalt.`,
      { details: { tenant } },
    );
  }
  return rows.map((row) => toEvent(tenant, row));
}

/** Which of these publishers have an event to claim: pending and in no unsettled batch. One query for all that linger. */
export async function pendingExists(db: Db, refs: readonly PublisherRef[]): Promise<PublisherRef[]> {
  if (refs.length === 0) return [];
  return query<PublisherRef & Record<string, unknown>>(
    db,
    `select u.tenant, u.destination, u.shard::int
     from unnest($1::text[], $2::text[], $3::smallint[]) as u (tenant, destination, shard)
     where exists (
       select from outbox.events e
       where e.tenant_id = u.tenant and e.destination = u.destination and e.shard = u.shard and e.status = 'pending'
         and not exists (
           select from outbox.batches b
           where b.tenant_id = u.tenant and b.destination = u.destination and b.shard = u.shard and b.settled_at is null
             and e.event_id = any (b.event_ids)))`,
    refColumns(refs),
  );
}

function toEvent(tenant: string, c: Columns): OutboxEvent {
  return {
    id: c[0],
    tenant,
    dedupeKey: c[1],
    topic: c[2],
    type: c[3],
    key: c[4],
    headers: c[5] === null ? null : (JSON.parse(c[5]) as Record<string, string>),
    payload: c[6] === null ? null : bytes(c[6]),
    contentType: c[7],
    createdAt: isoTime(c[8]),
    attempts: Number(c[9]),
    lane: c[10] === '0' ? 'live' : 'replay',
  };
}

/** The text form of bytea is \x followed by hex digits, unless bytea_output=escape, which would publish wrong bytes. */
function bytes(text: string): Buffer {
  if (!text.startsWith('\\x')) throw unreadable('bytea_output', 'hex');
  return Buffer.from(text.slice(2), 'hex');
}

/** '2026-01-31 12:00:00.5' → '2026-01-31T12:00:00.500Z'; a Date per row would cost more than the rest of the row. */
function isoTime(text: string): string {
  if (text[4] !== '-' || text[10] !== ' ') throw unreadable('datestyle', 'ISO');
  return `${text.slice(0, 10)}T${text.slice(11, 19)}.${text.slice(20, 23).padEnd(3, '0')}Z`;
}

function unreadable(setting: string, value: string): OutboxError {
  return new OutboxError(
    'POSTGRES_REFUSED',
    `The server's ${setting} is not ${value}. Run: alter role … set ${setting} = '${value}'.`,
  );
}
