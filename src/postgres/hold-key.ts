/**
 * Lane 2: live events that wait behind an earlier event of their key, set aside by the first claim that met them. Where an event
 * is stored never decides whether it may go: every claim asks for an earlier event of its key that is parked (`events_parked`)
 * or aside (`events_aside`). So it is harmless to bring back too much, and a long queue comes back in pieces, in order.
 */
export const ASIDE_LANE = 2;
/** Lane 3: live events that wait for their topic, which takes nothing, or behind an earlier one of it that does. */
export const BLOCKED_LANE = 3;

const IS_REF = (alias: string): string =>
  `${alias}.tenant_id = $1 and ${alias}.destination = $2 and ${alias}.shard = $3`;

/** An event that stands before later ones of its key (alias `h`): parked, which does not count under onPoison skip. */
export const PARKED = (h: string): string =>
  `${IS_REF(h)} and ${h}.status = 'failed' and ${h}.lane = 0 and ${h}.ordering_key is not null`;
/** Or set aside. $1 to $3 name the publisher. */
export const ASIDE = (h: string): string => `${IS_REF(h)} and ${h}.status = 'pending' and ${h}.lane = ${ASIDE_LANE}`;

/** The keys of these events and the lowest id of each: one index descent per key, however many events a key has. */
const keysOf = (name: string, rows: (h: string) => string): string => `${name} as (
  (select h.ordering_key, h.event_id from outbox.events h where ${rows('h')} order by h.ordering_key, h.event_id limit 1)
  union all
  select next.* from ${name} k cross join lateral (
    select h.ordering_key, h.event_id from outbox.events h where ${rows('h')} and h.ordering_key > k.ordering_key
    order by h.ordering_key, h.event_id limit 1) next)`;

export const ASIDE_KEYS = keysOf('aside_keys', ASIDE);

/**
 * Table expressions for a claim's `with recursive`: from which id on each key is held. While none is they are two looks into empty
 * indexes. `onPoison` names a text parameter.
 *
 * One map, made once per claim. Asking the indexes for each event instead made a claim of 2,000 four times as slow while one key
 * of a thousand was held, and where the planner had no figures of `events_aside` yet it walked over other keys' events.
 */
export const HELD_FROM = (
  onPoison: string,
): string => `${keysOf('parked_keys', (h) => `${onPoison}::text = 'hold-key' and ${PARKED(h)}`)}, ${ASIDE_KEYS},
  held_from as materialized (
    select jsonb_object_agg(k.ordering_key, k.event_id) as ids from (
      select ordering_key, min(event_id) as event_id
      from (select * from parked_keys union all select * from aside_keys) every group by ordering_key) k)`;

/** True for an event of the claim (alias `c`) that must wait. */
export const IS_HELD = `coalesce(
  c.lane = 0 and ((select ids from held_from) ->> c.ordering_key)::bigint < c.event_id, false)`;

/** How the row says that nothing can be done now: `held` if something is pending, but only behind parked events or for topics that take nothing. */
export const ASLEEP = `case when exists (select from outbox.events h where ${ASIDE('h')})
  or exists (select from outbox.events h where ${IS_REF('h')} and h.status = 'pending' and h.lane = ${BLOCKED_LANE})
  then 'held' else 'sleeping' end`;
