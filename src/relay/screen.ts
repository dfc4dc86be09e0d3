import { memberId } from '../domain/event';
import type { OutboxEvent } from '../domain/event';
import { BLOCKED_LANE } from '../postgres/hold-key';
import type { BlockedTopic } from '../kafka/topic-health';
import { parkClaimed, parkedOf } from './park';
import type { Prepared, PreparedGroup } from './compose';
import { prepared as preparedOf, sizeOf } from './compose';
import { copiesWait, release, waitsFor } from './refusals';
import type { RunState } from './run-state';

/**
 * What of a claim may be sent as it is. A publisher of whose events one can never be sent goes back whole: the event is parked, and what may go
 * is claimed anew, without what waits behind it. Events of a topic that takes nothing now are set aside, the others go.
 */
export async function screened(state: RunState, claimed: Prepared): Promise<Prepared | null> {
  const all = claimed.groups.flatMap(({ events }) => events.map(({ event }) => event));
  const look = await state.deps.kafka.preflight(all, undefined);
  await askAdmission(state, all, look.blockedTopics);
  const sick = state.topics.size > 0 && all.some(({ topic }) => state.topics.get(topic) !== null);
  if (look.unsendable.length === 0 && look.blockedTopics.length === 0 && !sick) return claimed;
  const groups: PreparedGroup[] = [];
  for (const group of claimed.groups) {
    const passed = await passing(state, group);
    if (passed !== null) groups.push(passed);
  }
  return groups.length === 0 ? null : preparedOf(groups);
}

/** Topics that relays leave out take nothing, like those that are missing. For topics that are known it is one look into a map each. */
async function askAdmission(
  state: RunState,
  events: readonly OutboxEvent[],
  blocked: readonly BlockedTopic[],
): Promise<void> {
  const { admission } = state.deps;
  const open = new Set<string>();
  for (const { topic } of events) if (admission.stateOf(topic) !== 'admitted') open.add(topic);
  for (const { topic } of blocked) open.delete(topic);
  if (open.size === 0) return;
  for (const refused of await admission.refused([...open])) state.topics.add(refused, Date.now());
}

async function passing(state: RunState, group: PreparedGroup): Promise<PreparedGroup | null> {
  const { attachment, lane, events } = group;
  const { unsendable, blockedTopics } = await state.deps.kafka.preflight(
    events.map(({ event }) => event),
    attachment.drain.request.plainKey,
  );
  const condemned = new Map<string, { code: string; reason: string }>(unsendable.map((one) => [one.eventId, one]));
  const blocked = new Map<string, BlockedTopic>(blockedTopics.map((topic) => [topic.topic, topic]));
  for (const { event } of events) {
    const sick = state.topics.get(event.topic);
    if (sick !== null && !blocked.has(sick.topic)) blocked.set(sick.topic, sick);
  }
  const parked = events.flatMap(({ event }) => {
    // Copies do not wait for a topic: the drain would end as failed again and again, and new events would wait with it.
    const gone = lane === 'replay' && !waitsFor(blocked.get(event.topic)) ? blocked.get(event.topic) : undefined;
    const why = condemned.get(memberId(event)) ?? gone;
    return why === undefined ? [] : [parkedOf(event, why)];
  });
  await parkClaimed(state, attachment, parked);
  if (parked.length > 0) {
    release(state, preparedOf([group]));
    return null;
  }
  if (lane === 'replay' && blocked.size > 0) {
    copiesWait(state, group, [...blocked.values()]);
    release(state, preparedOf([group]));
    return null;
  }
  return withoutBlocked(state, group, blocked);
}

function withoutBlocked(
  state: RunState,
  group: PreparedGroup,
  blocked: ReadonlyMap<string, BlockedTopic>,
): PreparedGroup | null {
  if (blocked.size === 0) return group;
  const { attachment, events, revision } = group;
  for (const topic of blocked.values()) {
    attachment.block(topic);
    state.topics.add(topic, Date.now());
  }
  const waits = events.filter(({ event }) => blocked.has(event.topic)).map(({ event }) => event);
  for (const event of waits) attachment.aside.add(event, BLOCKED_LANE, revision);
  state.inFlight.dropped(waits.map(({ id }) => id));
  const bytes = waits.reduce((sum, event) => sum + sizeOf(event), 0);
  attachment.tokens.gaveBack(waits.length, bytes);
  state.tending.set();
  const left = events.filter(({ event }) => !blocked.has(event.topic));
  if (left.length > 0) return { ...group, events: left, bytes: group.bytes - bytes };
  attachment.onTheWay -= 1;
  state.set.judge(attachment, Date.now());
  state.leaving.set();
  return null;
}
