/**
 * Lane 2: live events that wait behind an earlier event of their key, set aside by the first claim that met them. Where an event
 * is stored never decides whether it may go: every claim asks for an earlier event of its key that is parked (`events_parked`)
 * or aside (`events_aside`). So it is harmless to bring back too much, and a long queue comes back in pieces, in order.
 */
export const ASIDE_LANE = 2;
/** Lane 3: live events that wait for their topic, which takes nothing, or behind an earlier one of it that does. */
export const BLOCKED_LANE = 3;

const WAITS = (lane: number): string =>
  `exists (select from outbox.events h where h.tenant_id = $1 and h.destination = $2 and h.shard = $3 and h.status = 'pending' and h.lane = ${lane})`;

/** How the row says that nothing can be done now: `held` if something is pending, but only behind parked events or for topics that take nothing. */
export const ASLEEP = `case when ${WAITS(ASIDE_LANE)} or ${WAITS(BLOCKED_LANE)} then 'held' else 'sleeping' end`;
