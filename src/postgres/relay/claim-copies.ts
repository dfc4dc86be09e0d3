import type { OutboxEvent } from '../../domain/event';
import type { PublisherRef } from '../../domain/publisher';
import { EVENT_BYTES, columnsOf, toEvent } from '../event-columns';
import type { EventColumns } from '../event-columns';
import { refColumns } from '../publishers';
import type { Db } from '../query';
import { queryText } from '../query';
import { STOPPED } from './attach';
import { HELD, MINE, holdValues, lostRelay } from './holds';
import type { HeldRelay } from './holds';

/** The next copies of one publisher's replay lane, behind `after`. */
export interface WantedCopies {
  readonly publisher: PublisherRef;
  /** Decimal string of the last copy's id that was read. */
  readonly after: string;
  readonly events: number;
  readonly bytes: number;
}

export interface ClaimedCopies {
  /** False: the row says another owner, or an operator stopped it. Nothing was read then. */
  readonly allowed: boolean;
  readonly events: readonly { readonly event: OutboxEvent; readonly fingerprint: number }[];
  /** Id of the last copy that was read, sendable or not; null = none. */
  readonly last: string | null;
  /** Fewer than asked for are in the lane behind `after`. */
  readonly exhausted: boolean;
}

type Row = [
  ord: string | null,
  copyId: string | null,
  replayId: string,
  count: string,
  found: string,
  ...columns: EventColumns,
  fingerprint: string,
];

const COLUMNS = columnsOf('e.headers', 'e.payload');

/**
 * P1 for the replay lane, in the order in which copies were fed: whoever feeds a publisher's replays has a lock, so a lower id never becomes
 * visible after a higher one. No key holds a copy. One whose event is gone, or that Kafka has already and could not be marked, is passed over.
 * The same rules as for events: the fence holds, each publisher is this relay's and nobody stopped it, no locks. Rejects with FENCED when
 * the relay is lost.
 */
export async function claimCopies(
  db: Db,
  held: HeldRelay,
  wanted: readonly WantedCopies[],
): Promise<readonly ClaimedCopies[]> {
  if (wanted.length === 0) return [];
  const rows = await queryText<Row>(
    db,
    `with ${HELD}, w as materialized (
       select w.* from held cross join unnest($4::text[], $5::text[], $6::smallint[], $7::bigint[], $8::int[], $9::bigint[]) with ordinality
         as w (tenant, destination, shard, behind, events, bytes, ord)
       join outbox.publishers p on p.tenant_id = w.tenant and p.destination = w.destination and p.shard = w.shard
         and ${MINE} and not ${STOPPED('p')}
     )
     select w.ord, r.copy_id, r.replay_id, r.replay_count, r.found, ${COLUMNS}, outbox.fingerprint(e.dedupe_key, e.created_at)
     from held left join w on true left join lateral (
       select * from (
         select r.*, count(*) over () as found, row_number() over (order by r.copy_id) as place,
                sum(coalesce(octet_length(e.payload), 0) + ${EVENT_BYTES}) over (order by r.copy_id rows unbounded preceding) as so_far
         from (
           select r.copy_id, r.replay_id, r.replay_count, r.event_id from outbox.replay_events r
           where r.tenant_id = w.tenant and r.destination = w.destination and r.shard = w.shard and r.status = 'pending'
             and r.copy_id > w.behind
           order by r.copy_id limit w.events
         ) r left join outbox.events e on e.tenant_id = w.tenant and e.event_id = r.event_id
       ) r where r.so_far <= w.bytes or r.place = 1
     ) r on true
     left join outbox.events e on e.tenant_id = w.tenant and e.event_id = r.event_id and not exists (
       select from outbox.unsettled u where u.tenant_id = w.tenant and u.event_id = r.event_id and u.replay_id = r.replay_id)
     order by w.ord, r.copy_id`,
    [
      ...holdValues(held),
      ...refColumns(wanted.map(({ publisher }) => publisher)),
      wanted.map(({ after }) => after),
      wanted.map(({ events }) => events),
      wanted.map(({ bytes }) => bytes),
    ],
  );
  if (rows.length === 0) throw lostRelay(held, 'claiming copies');
  return wanted.map((want, i) => {
    const own = rows.filter(([ord]) => ord === String(i + 1));
    const read = own.filter(([, copyId]) => copyId !== null);
    const found = Number(read[0]?.[4] ?? 0);
    return {
      allowed: own.length > 0,
      events: read.flatMap((row) => copyOf(want.publisher.tenant, row)),
      last: read.at(-1)?.[1] ?? null,
      exhausted: found < want.events && found === read.length,
    };
  });
}

function copyOf(
  tenant: string,
  [, copyId, replayId, count, , ...rest]: Row,
): { event: OutboxEvent; fingerprint: number }[] {
  const columns = rest.slice(0, -1) as unknown as EventColumns;
  // Compared as it comes: without its event every column is null.
  if (copyId === null || (columns[0] as string | null) === null) return [];
  const event = toEvent(tenant, columns);
  const replay = { copyId, replayId, count: Number(count) };
  return [{ event: { ...event, lane: 'replay', replay }, fingerprint: Number(rest.at(-1)) }];
}
