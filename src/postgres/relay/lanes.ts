import { ASIDE_LANE, BLOCKED_LANE } from '../hold-key';

/**
 * Where an event of a claim belongs (alias `e`, its publisher's wish `w`): 0 it may go, 2 it waits behind an earlier event of its key that is
 * parked or set aside, 3 behind an earlier one of its topic that is set aside.
 *
 * Asked of each event, and only of publishers that have something parked or aside: a claim costs what it takes, however many keys are held.
 * The rows are compared so that no other index than the one by key, or by topic, can answer: walked by lane it would be all that is aside.
 */
export const BELONGS = `case
  when not w.asks then 0
  when e.ordering_key is not null and (w.holds and ${before('failed', 0, 'ordering_key')} or ${before('pending', ASIDE_LANE, 'ordering_key')})
    then ${ASIDE_LANE}
  when ${before('pending', BLOCKED_LANE, 'topic')} then ${BLOCKED_LANE}
  else 0 end`;

function before(status: string, lane: number, column: 'ordering_key' | 'topic'): string {
  return `exists (select from outbox.events h where h.tenant_id = w.tenant and h.destination = w.destination and h.shard = w.shard
    and h.status = '${status}' and h.lane = ${lane} and h.${column} = e.${column}
    and (h.${column}, h.event_id) >= (e.${column}, 0) and (h.${column}, h.event_id) < (e.${column}, e.event_id))`;
}

/**
 * Something of the publisher (alias `p`) is parked with a key, or set aside: its claims must ask. Three looks into indexes that are nearly
 * always empty.
 */
export const ASKS = (p: string): string => {
  const of = `h.tenant_id = ${p}.tenant_id and h.destination = ${p}.destination and h.shard = ${p}.shard`;
  return `(exists (select from outbox.events h where ${of} and h.status = 'failed' and h.lane = 0 and h.ordering_key is not null)
    or exists (select from outbox.events h where ${of} and h.status = 'pending' and h.lane = ${ASIDE_LANE})
    or exists (select from outbox.events h where ${of} and h.status = 'pending' and h.lane = ${BLOCKED_LANE}))`;
};
