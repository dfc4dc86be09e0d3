import type { PublisherRef } from '../../domain/publisher';
import { ASIDE_LANE, BLOCKED_LANE } from '../hold-key';
import { refValues } from '../publishers';
import type { Db } from '../query';
import { query } from '../query';
import { HELD_ROW, IMPATIENT, MINE, holdValues, lostRelay, unguessed } from './holds';
import type { HeldRelay } from './holds';

/** Events of one publisher that a claim has met and that must wait, with the revision under which it has. */
export interface Aside {
  readonly ref: PublisherRef;
  readonly revision: number;
  readonly events: readonly { readonly id: string; readonly lane: number }[];
}

/**
 * written  they are aside      changed  an operator changed something since: look at them again
 * locked   somebody has the publisher's row, try later      gone  it is another's by now
 */
export type AsideAnswer = 'written' | 'changed' | 'locked' | 'gone';

/** 5,000 rows take 50 ms. */
export const PIECE = 2_000;
const LIVE = unguessed(`e.status = 'pending' and e.lane = 0`);
const SET_ASIDE = unguessed(`e.status = 'pending' and e.lane in (${ASIDE_LANE}, ${BLOCKED_LANE})`);

/**
 * Sets events aside, aligned with `asides`. Only under the revision that their claim has read, with the publisher's row locked: an operator's
 * change of what they wait for raises it under the same lock, so nothing is left aside that is free. Rejects with FENCED when the relay is lost.
 */
export async function setAside(db: Db, held: HeldRelay, asides: readonly Aside[]): Promise<readonly AsideAnswer[]> {
  const moves = asides.flatMap(({ events }, i) => events.map((event) => ({ ...event, ord: i + 1 })));
  const rows = await query<{ ord: number | null; mine: boolean; same: boolean | null }>(
    db,
    `with held as materialized (select ${IMPATIENT} from (${HELD_ROW}) h), w as materialized (
       select w.* from held cross join unnest($4::text[], $5::text[], $6::smallint[], $7::bigint[]) with ordinality
         as w (tenant, destination, shard, revision, ord)
     ), locked as materialized (
       select w.ord, w.tenant, p.revision = w.revision as same from w join outbox.publishers p
         on p.tenant_id = w.tenant and p.destination = w.destination and p.shard = w.shard and ${MINE}
       for update of p skip locked
     ), moved as (
       update outbox.events e set lane = m.lane
       from locked l join unnest($8::int[], $9::bigint[], $10::smallint[]) as m (ord, id, lane) on m.ord = l.ord
       where l.same and e.tenant_id = l.tenant and e.event_id = m.id and ${LIVE}
     )
     select w.ord::int, l.same, exists (select from outbox.publishers p where p.tenant_id = w.tenant and p.destination = w.destination
              and p.shard = w.shard and ${MINE}) as mine
     from held left join w on true left join locked l on l.ord = w.ord order by w.ord`,
    [
      ...holdValues(held),
      asides.map(({ ref }) => ref.tenant),
      asides.map(({ ref }) => ref.destination),
      asides.map(({ ref }) => ref.shard),
      asides.map(({ revision }) => revision),
      moves.map(({ ord }) => ord),
      moves.map(({ id }) => id),
      moves.map(({ lane }) => lane),
    ],
  );
  if (rows.length === 0) throw lostRelay(held, 'setting events aside');
  return rows.map(({ mine, same }) => (!mine ? 'gone' : same === null ? 'locked' : same ? 'written' : 'changed'));
}

/** What of a publisher is to be brought back: a key that an operator released, all keys (under onPoison skip), or a topic that is well again. */
export type Return = { readonly key: string } | { readonly keys: 'all' } | { readonly topic: string };

/**
 * Brings back at most 2,000 of them, the earliest first, as new to looks. Answers how many; fewer say that no more is free. Of a key only what
 * is not behind a parked event. Rejects with FENCED when the relay is lost.
 */
export async function bringBack(db: Db, held: HeldRelay, ref: PublisherRef, what: Return): Promise<number> {
  const name = 'key' in what ? what.key : 'topic' in what ? what.topic : null;
  const which =
    'topic' in what
      ? `a.lane = ${BLOCKED_LANE} and a.topic = $7`
      : 'key' in what
        ? `a.lane = ${ASIDE_LANE} and a.ordering_key = $7 and a.event_id < coalesce((
             select h.event_id from outbox.events h where h.tenant_id = $4 and h.destination = $5 and h.shard = $6 and h.status = 'failed'
               and h.lane = 0 and h.ordering_key = $7 order by h.ordering_key, h.event_id limit 1), 9223372036854775807)`
        : `a.lane = ${ASIDE_LANE} and $7::text is null`;
  const order = 'topic' in what ? 'a.topic, a.event_id' : 'key' in what ? 'a.ordering_key, a.event_id' : 'a.event_id';
  const rows = await query<{ moved: number }>(
    db,
    `with held as materialized (select ${IMPATIENT} from (${HELD_ROW}) h), free as materialized (
       select a.event_id from held, outbox.publishers p, outbox.events a
       where p.tenant_id = $4 and p.destination = $5 and p.shard = $6 and ${MINE}
         and a.tenant_id = $4 and a.destination = $5 and a.shard = $6 and a.status = 'pending' and ${which}
       order by ${order} limit ${PIECE}
     ), moved as (
       update outbox.events e set lane = 0, xid = pg_current_xact_id() from free f
       where e.tenant_id = $4 and e.event_id = f.event_id and ${SET_ASIDE}
       returning 1
     )
     select (select count(*)::int from moved) as moved from held`,
    [...holdValues(held), ...refValues(ref), name],
  );
  const [row] = rows;
  if (row === undefined) throw lostRelay(held, 'bringing events back');
  return row.moved;
}

/** A key that an operator released, with the stamp of that order. */
export interface ReleasedKey {
  readonly key: string;
  readonly stamp: string;
}

export async function releasedKeys(db: Db, ref: PublisherRef, limit: number): Promise<readonly ReleasedKey[]> {
  return query<ReleasedKey & Record<string, unknown>>(
    db,
    `select ordering_key as key, stamp::text from outbox.released
     where tenant_id = $1 and destination = $2 and shard = $3 order by ordering_key limit $4`,
    [...refValues(ref), limit],
  );
}

/** Everything that such an order freed is back; one that came meanwhile has another stamp and stays. */
export async function forgetReleased(db: Db, ref: PublisherRef, released: readonly ReleasedKey[]): Promise<void> {
  await query(
    db,
    `delete from outbox.released r using unnest($4::text[], $5::text[]) as u (key, stamp)
     where r.tenant_id = $1 and r.destination = $2 and r.shard = $3 and r.ordering_key = u.key and r.stamp = u.stamp::xid8`,
    [...refValues(ref), released.map(({ key }) => key), released.map(({ stamp }) => stamp)],
  );
}
