import { ERROR_CODES } from '../domain/errors';
import type { Refusal } from '../kafka/transaction/types';
import { isTopicRefusal, parkClaimed, parkedOf } from './park';
import { flightId } from './compose';
import type { Prepared, PreparedGroup } from './compose';
import type { RunState } from './run-state';

/** What was claimed is pending again, for a claim to come: its publishers are scanned from their first event. */
export function release(state: RunState, { groups }: Prepared): void {
  const now = Date.now();
  for (const { attachment, lane, events, bytes } of groups) {
    state.inFlight.dropped(events.map(({ event }) => flightId(event)));
    attachment.gaveBack(events.length, bytes);
    attachment.onTheWay -= 1;
    if (lane === 'live') attachment.rescan();
    else attachment.copies.found(events[0]?.event.replay?.copyId ?? '1');
    state.set.judge(attachment, now);
    if (attachment.ending !== null) state.leaving.set();
  }
}

/**
 * A transaction was aborted because partitions refused it. The others go on at once; of those that were refused: an event that was refused
 * by itself is parked, several that were refused together are tried again in halves, and a topic that takes nothing ends the drain.
 */
export async function handleRefusals(state: RunState, prepared: Prepared, refusals: readonly Refusal[]): Promise<void> {
  for (const refusal of refusals) {
    const byGroup = new Map<number, number[]>();
    for (const { group, index } of refusal.events) byGroup.set(group, [...(byGroup.get(group) ?? []), index]);
    for (const [g, indexes] of byGroup) {
      const group = prepared.groups[g];
      if (group === undefined) continue;
      // Copies do not wait for a topic: the drain would end as failed again and again, and new events would wait with it.
      if (group.lane === 'replay' && isTopicRefusal(refusal.code)) await parkRefused(state, group, indexes, refusal);
      else if (!ERROR_CODES[refusal.code].park) endWith(state, group, refusal);
      else if (indexes.length === 1) await parkRefused(state, group, indexes, refusal);
      else group.attachment.bisect(indexes.length);
    }
  }
  release(state, prepared);
}

function endWith(state: RunState, { attachment }: PreparedGroup, { topic, code, reason }: Refusal): void {
  attachment.blockedTopics.add(topic);
  state.set.end(attachment, 'failed', { code, message: reason, breaker: ERROR_CODES[code].breaker });
  state.leaving.set();
}

async function parkRefused(
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
