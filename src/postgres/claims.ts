import type { OutboxEvent } from '../domain/event';
import { OutboxError } from '../domain/errors';
import { DEFAULT_ON_POISON } from '../domain/hold-key';
import type { OnPoison } from '../domain/hold-key';
import type { PublisherRef } from '../domain/publisher';
import { EVENT_BYTES, EVENT_COLUMNS, columnsOf, toEvent } from './event-columns';
import type { EventColumns } from './event-columns';
import { ASIDE_LANE, HELD_FROM, IS_HELD } from './hold-key';
import { idBounds } from './id-bounds';
import type { Db } from './query';
import { queryText } from './query';
import { fenceOf, fenced, readPublisher, refOf, refValues } from './publishers';

/** Nobody reads the content of an event that waits, and it counts for no limit of bytes. */
const CLAIMED = columnsOf('case when not e.held then e.headers end', 'case when not e.held then e.payload end');
const ORDER = 'order by e.lane, e.event_id';

/** Whether the replay lane of publisher $1 to $3 has anything: one look at an index for a publisher without replays. */
const COPIES_WAIT = `exists (select from outbox.replay_events r
  where r.tenant_id = $1 and r.destination = $2 and r.shard = $3 and r.status = 'pending')`;

export interface ClaimOptions {
  readonly limit: number;
  readonly maxBytes?: number;
  readonly excludeTopics?: readonly string[];
  /** Default hold-key. */
  readonly onPoison?: OnPoison;
  /** How many pending events to look at, at least `limit`: more while many of them are held. */
  readonly window?: number;
  /** Only under this fence, else FENCED: what is pending on another server may be published already where the fence is from. */
  readonly fence?: string;
  /**
   * Few events are expected, as of a tenant that publishes one now and then: the statement is then prepared. Planning it costs 1.25 ms and
   * running it 0.15. Not for a backlog: without its values the planner does not know how many events are asked for.
   */
  readonly few?: boolean;
}

export interface Claim {
  readonly revision: number;
  readonly events: readonly OutboxEvent[];
  /** Events that the claim met and that wait behind an earlier one of their key: set them aside, or each claim meets them again. */
  readonly heldIds: readonly string[];
  /** Some events of this publisher are set aside. */
  readonly aside: boolean;
  /** Its replay lane has some copies: see `selectCopies`. */
  readonly copies: boolean;
}

/**
 * The next pending events of a publisher, as many as fit into `limit` and `maxBytes` (at least one), live lane first, then by
 * id, without members of its unsettled batches, without `excludeTopics` and without events that are held. Takes no locks: what
 * makes it safe is that recording requires the returned revision and fence.
 *
 * Bytes are counted by the server (`octet_length` reads the size of a toasted value from its pointer): a claim of 6,000 events
 * of 512 KiB would otherwise bring 3 GiB before anybody could look at it.
 *
 * Unsettled members are excluded by value, never by an id bound: a transaction that commits late has a lower id.
 * `not in (select …)` becomes a hashed filter over the index scan and keeps its order; an anti-join written as
 * `not exists` would be planned as a hash join, which loses the order and reads the whole backlog.
 *
 * Whether an event is held is asked after the limit, for what the claim has in hand: as a filter below it, one claim could
 * walk over a whole waiting backlog. `offset 0` makes the planner ask once per event, not at each use.
 */
export async function selectPending(db: Db, ref: PublisherRef, options: ClaimOptions): Promise<Claim> {
  const rows = await queryText<[string, string, string, ...EventColumns, string] | [string, string, string, null]>(
    db,
    `with recursive ${HELD_FROM('$7')}
     select p.revision, exists (select from aside_keys), ${COPIES_WAIT}, e.*
     from outbox.publishers p left join lateral (
       select ${CLAIMED}, e.held from (
         select c.*, sum(case when c.held then 0 else coalesce(octet_length(c.payload), 0) + ${EVENT_BYTES} end) over w as so_far,
                sum(case when c.held then 0 else 1 end) over w as place
         from (
           select c.*, ${IS_HELD} as held
           from (
             select e.* from outbox.events e
             where e.tenant_id = $1 and e.destination = $2 and e.shard = $3 and e.status = 'pending' and e.lane < ${ASIDE_LANE}
               and e.event_id not in (
                 select unnest(b.event_ids) from outbox.batches b
                 where b.tenant_id = $1 and b.destination = $2 and b.shard = $3 and b.settled_at is null)
               and e.topic <> all ($5::text[])
             ${ORDER} limit $8
           ) c offset 0
         ) c window w as (order by c.lane, c.event_id rows unbounded preceding)
       ) e
       where e.held or (e.place <= $4 and (e.so_far <= $6::bigint or e.place = 1))
       ${ORDER}
     ) e on true
     where p.tenant_id = $1 and p.destination = $2 and p.shard = $3 and ($9::text is null or ${fenceOf('p.fence')} = $9)`,
    [
      ...refValues(ref),
      options.limit,
      options.excludeTopics ?? [],
      options.maxBytes ?? Number.MAX_SAFE_INTEGER,
      options.onPoison ?? DEFAULT_ON_POISON,
      Math.max(options.limit, options.window ?? 0),
      options.fence ?? null,
    ],
    options.few === true ? 'claim of few' : undefined,
  );
  const first = rows[0];
  if (first === undefined) {
    if (options.fence !== undefined) throw fenced(ref, options.fence, await readPublisher(db, ref));
    throw new OutboxError('INTERNAL', 'There is no row of this publisher. Take it over before selecting.', {
      details: refOf(ref),
    });
  }
  const events: OutboxEvent[] = [];
  const heldIds: string[] = [];
  for (const row of rows) {
    if (row[3] === null) break;
    if (row.at(-1) === 't') heldIds.push(row[3]);
    else events.push(toEvent(ref.tenant, row.slice(3, -1) as EventColumns));
  }
  return { revision: Number(first[0]), aside: first[1] === 't', copies: first[2] === 't', events, heldIds };
}

/** The named events in the order of `ids`, whatever their status: for sending a recorded batch again exactly. */
export async function eventsByIds(db: Db, tenant: string, ids: readonly string[]): Promise<OutboxEvent[]> {
  const rows = await queryText<EventColumns>(
    db,
    `select ${EVENT_COLUMNS} from unnest($2::bigint[]) with ordinality as u (id, ord)
     join outbox.events e on e.tenant_id = $1 and e.event_id = u.id and e.event_id between $3 and $4 order by u.ord`,
    [tenant, ids, ...idBounds(ids)],
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
