import type { OnPoison } from '../domain/hold-key';
import type { Held } from './held';
import { MINE, heldValues, readHeld } from './held';
import { ASIDE, ASIDE_KEYS, ASIDE_LANE, PARKED } from './hold-key';
import type { Db } from './query';
import { query } from './query';

/** 5,000 rows take 50 ms; the publisher's row is locked meanwhile, as for settling a batch. */
const PIECE = 2_000;

/** A drain's write under the revision of its selection: what is held can change only together with it. */
export interface HoldWrite extends Held {
  readonly revision: number;
}

/**
 * Sets waiting events aside. Answers false if the revision changed: select again. Requires the fence, for a drain that was
 * taken over would move members of newer batches. Throws FENCED.
 */
export async function setAside(db: Db, write: HoldWrite, eventIds: readonly string[]): Promise<boolean> {
  const rows = await query<{ mine: boolean }>(
    db,
    `with held as (
       update outbox.publishers set updated_at = clock_timestamp() where ${MINE} and revision = $5 returning 1
     ), moved as (
       update outbox.events e set lane = ${ASIDE_LANE} from held
       where e.tenant_id = $1 and e.event_id = any ($6::bigint[]) and e.status = 'pending' and e.lane = 0
     )
     select true as mine from held`,
    [...heldValues(write), write.revision, eventIds],
  );
  if (rows.length > 0) return true;
  await readHeld(db, write);
  return false;
}

/**
 * Brings events back behind which nothing stands any more, of each key the earliest first: all that waited behind a key that an
 * operator released, and everything under onPoison skip. Answers how many, and whether that was all; null if the revision
 * changed. Operators only change the parked events themselves, so that releasing a key with a million waiting events is quick.
 */
export async function bringBack(
  db: Db,
  write: HoldWrite,
  onPoison: OnPoison,
): Promise<{ readonly moved: number; readonly all: boolean } | null> {
  const rows = await query<{ moved: number }>(
    db,
    `with recursive held as (
       update outbox.publishers set updated_at = clock_timestamp() where ${MINE} and revision = $5 returning 1
     ), ${ASIDE_KEYS}, free as materialized (
       select e.event_id from aside_keys k
       left join lateral (
         select h.event_id from outbox.events h
         where $6::text = 'hold-key' and ${PARKED('h')} and h.ordering_key = k.ordering_key
         order by h.event_id limit 1) p on true
       cross join lateral (
         select a.event_id from outbox.events a where ${ASIDE('a')} and a.ordering_key = k.ordering_key
           and a.event_id < coalesce(p.event_id, 9223372036854775807)
         order by a.event_id limit ${PIECE}) e
       order by e.event_id limit ${PIECE}
     ), moved as (
       update outbox.events e set lane = 0 from held
       where e.tenant_id = $1 and e.event_id in (select event_id from free) and e.status = 'pending' and e.lane = ${ASIDE_LANE}
       returning 1
     )
     select (select count(*)::int from moved) as moved from held`,
    [...heldValues(write), write.revision, onPoison],
  );
  const row = rows[0];
  if (row !== undefined) return { moved: row.moved, all: row.moved < PIECE };
  await readHeld(db, write);
  return null;
}
