import { ERROR_CODES } from '../domain/errors';
import { memberId } from '../domain/event';
import { parkClaimed, parkedOf } from './park';
import type { Prepared, PreparedGroup } from './compose';
import { prepared as preparedOf } from './compose';
import { release } from './refusals';
import type { RunState } from './run-state';

/** Sizes are measured with the relay's name, so whose events they are makes no difference. */
const PUBLISHER = 'publisher';

/**
 * What of a claim may be sent as it is. A publisher of whose events one can never be sent, or one has a topic that takes nothing now, goes
 * back whole: the event is parked, or the drain ends, and what may go is claimed anew, without what waits behind the parked one.
 */
export async function screened(state: RunState, claimed: Prepared): Promise<Prepared | null> {
  const all = claimed.groups.flatMap(({ events }) => events.map(({ event }) => event));
  const look = await state.deps.kafka.preflight(all, undefined, PUBLISHER);
  if (look.unsendable.length === 0 && look.blockedTopics.length === 0) return claimed;
  const groups: PreparedGroup[] = [];
  for (const group of claimed.groups) {
    if (await passes(state, group)) groups.push(group);
    else release(state, preparedOf([group]));
  }
  return groups.length === 0 ? null : preparedOf(groups);
}

async function passes(state: RunState, { attachment, lane, events }: PreparedGroup): Promise<boolean> {
  const { unsendable, blockedTopics } = await state.deps.kafka.preflight(
    events.map(({ event }) => event),
    attachment.drain.request.plainKey,
    attachment.id,
  );
  const condemned = new Map<string, { code: string; reason: string }>(unsendable.map((one) => [one.eventId, one]));
  // Copies do not wait for a topic: the drain would end as failed again and again, and new events would wait with it.
  const gone = new Map(lane === 'replay' ? blockedTopics.map((one) => [one.topic, one]) : []);
  const [blocked] = lane === 'replay' ? [] : blockedTopics;
  if (blocked !== undefined) {
    for (const { topic } of blockedTopics) attachment.blockedTopics.add(topic);
    const { code, reason } = blocked;
    state.set.end(attachment, 'failed', { code, message: reason, breaker: ERROR_CODES[code].breaker });
  }
  const parked = events.flatMap(({ event }) => {
    const why = condemned.get(memberId(event)) ?? gone.get(event.topic);
    return why === undefined ? [] : [parkedOf(event, why)];
  });
  await parkClaimed(state, attachment, parked);
  return parked.length === 0 && blocked === undefined;
}
