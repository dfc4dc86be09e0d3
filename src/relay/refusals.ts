import { ERROR_CODES } from '../domain/errors';
import { isTopicCode } from '../kafka/topic-health';
import type { BlockedTopic } from '../kafka/topic-health';
import type { Refusal } from '../kafka/transaction/types';
import { countRefusals } from '../postgres/relay/park';
import { parkClaimed, parkedOf } from './park';
import { flightId } from './compose';
import type { Prepared, PreparedGroup } from './compose';
import type { RunState } from './run-state';

/** What was claimed is pending again, for a claim to come: its publishers are scanned from their first event. */
export function release(state: RunState, { groups }: Prepared): void {
  const now = Date.now();
  for (const { attachment, lane, events, bytes } of groups) {
    state.inFlight.dropped(events.map(({ event }) => flightId(event)));
    attachment.tokens.gaveBack(events.length, bytes);
    attachment.onTheWay -= 1;
    if (lane === 'live') attachment.rescan();
    else attachment.copies.found(events[0]?.event.replay?.copyId ?? '1');
    state.set.judge(attachment, now);
    if (attachment.ending !== null) state.leaving.set();
  }
}

/** Transactions of its own that a publisher has after one was refused for events of several, to find out whose. */
const ALONE_AFTER_SHARED = 1;

/**
 * A transaction was aborted because partitions refused it. The others go on at once; of those that were refused: a topic that takes nothing
 * has its events set aside, an event that was refused by itself is counted and parked in the end, several that were refused together are
 * tried again in halves, and each publisher of them in a transaction of its own. Whose own record was refused comes into quarantine.
 */
export async function handleRefusals(state: RunState, prepared: Prepared, refusals: readonly Refusal[]): Promise<void> {
  for (const refusal of refusals) {
    const { topic, code, reason } = refusal;
    const blocked = isTopicCode(code) ? { topic, code, reason } : null;
    if (blocked !== null) state.topics.add(blocked, Date.now());
    if (code === 'KAFKA_TOPIC_UNAVAILABLE') state.deps.admission.lost(topic, reason, false);
    const byGroup = new Map<number, number[]>();
    for (const { group, index } of refusal.events) byGroup.set(group, [...(byGroup.get(group) ?? []), index]);
    for (const [g, indexes] of byGroup) {
      const group = prepared.groups[g];
      if (group === undefined) continue;
      // Copies do not wait for a topic: the drain would end as failed again and again, and new events would wait with it.
      if (blocked !== null && group.lane === 'replay' && waitsFor(blocked)) copiesWait(state, group, [blocked]);
      else if (blocked !== null && group.lane === 'replay') await refusedForGood(state, group, indexes, refusal);
      else if (blocked !== null) group.attachment.block(blocked);
      else if (!ERROR_CODES[code].park) endWith(state, group, refusal);
      else if (refusal.byItself) await refusedByItself(state, group, indexes, refusal);
      else {
        group.attachment.alone = Math.max(group.attachment.alone, ALONE_AFTER_SHARED);
        // In company it may be the others' doing: alone it shows.
        if (byGroup.size === 1) group.attachment.bisect(indexes.length);
      }
    }
  }
  release(state, prepared);
}

/** An outage parks nothing: even copies wait until it is over. */
export function waitsFor(topic: BlockedTopic | undefined): boolean {
  return topic?.code === 'KAFKA_TOPIC_UNAVAILABLE';
}

/** All copies of the publisher, for their lane has one cursor. */
export function copiesWait(state: RunState, { attachment }: PreparedGroup, topics: readonly BlockedTopic[]): void {
  attachment.copies.rest();
  for (const topic of topics) {
    attachment.block(topic);
    state.topics.add(topic, Date.now());
  }
  state.tending.set();
}

function endWith(state: RunState, { attachment }: PreparedGroup, { topic, code, reason }: Refusal): void {
  attachment.refusedTopic = topic;
  state.set.end(attachment, 'failed', { code, message: reason, breaker: ERROR_CODES[code].breaker });
  state.leaving.set();
}

/**
 * A refusal may be of the topic's settings, its limits of time, say, which somebody is just mending: the event is tried `maxAttempts` times.
 * One that is too large by the topic's limit of now is parked by the next look at it. Attempts are the event's, so a copy has none.
 */
async function refusedByItself(
  state: RunState,
  group: PreparedGroup,
  indexes: readonly number[],
  why: Refusal,
): Promise<void> {
  const { attachment, lane, events } = group;
  const { code, reason } = why;
  if (state.deps.quarantine.strike(attachment.id, reason, Date.now()))
    state.deps.observer.quarantine(attachment.ref, 'begins', code, reason);
  const most = lane === 'replay' ? 1 : attachment.drain.request.maxAttempts;
  const isLast = (index: number): boolean => (events[index]?.event.attempts ?? 0) + 1 >= most;
  await refusedForGood(state, group, indexes.filter(isLast), why);
  const again = indexes.flatMap((index) => (isLast(index) ? [] : (events[index]?.event.id ?? [])));
  if (again.length > 0) await countRefusals(state.deps.db, state.held, attachment.ref, again);
}

async function refusedForGood(
  state: RunState,
  { attachment, events }: PreparedGroup,
  indexes: readonly number[],
  why: Refusal,
): Promise<void> {
  const refused = indexes.flatMap((index) => events[index]?.event ?? []);
  await parkClaimed(
    state,
    attachment,
    refused.map((event) => parkedOf(event, why)),
  );
}
