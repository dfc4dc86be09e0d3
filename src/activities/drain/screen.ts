import { failpoint } from '../../failpoints/failpoint';
import { memberId } from '../../domain/event';
import type { OutboxEvent } from '../../domain/event';
import { OutboxError } from '../../domain/errors';
import { withoutHeld } from '../../domain/hold-key';
import type { OnPoison } from '../../domain/hold-key';
import { EVENT_BYTES } from '../../postgres/event-columns';
import { parkEvents } from '../../postgres/parking';
import type { Parked } from '../../postgres/parking';
import type { BlockedTopicCode } from '../../sinks/sink';
import type { DrainDeps } from './context';
import type { Hold } from './hold';

/** A topic that cannot take events now: its events wait, those of other topics flow. */
export interface BlockedTopic {
  readonly topic: string;
  readonly code: BlockedTopicCode;
  readonly reason: string;
}

export interface Screened {
  readonly sendable: readonly OutboxEvent[];
  readonly parked: readonly Parked[];
  readonly blocked: readonly BlockedTopic[];
}

/**
 * Splits events into those to send, those to park and those whose topic is blocked. Sends and writes nothing. What must wait
 * behind an event to park is in neither: it stays pending. `culprit` is an event that Kafka has refused for the last time;
 * `refused` are topics that look healthy and take no events, as one with the right to Describe and none to Write.
 *
 * Copies do not wait for a topic, they are parked: the drain would end as failed again and again, and each time new events would
 * wait for its back-off, or for a breaker that a replay has opened.
 */
export async function screen(
  hold: Hold,
  events: readonly OutboxEvent[],
  onPoison: OnPoison,
  culprit: Parked | null = null,
  refused: ReadonlyMap<string, BlockedTopic> = NONE_REFUSED,
): Promise<Screened> {
  const { unsendable, blockedTopics: unhealthy } = await hold.session.preflight(events, hold.plainKey);
  const blockedTopics = withRefused(unhealthy, refused, events);
  if (unsendable.length === 0 && blockedTopics.length === 0 && culprit === null) {
    return { sendable: events, parked: [], blocked: [] };
  }
  const live = events.filter((event) => event.replay === undefined);
  const copies = events.filter((event) => event.replay !== undefined);
  const liveTopics = new Set(live.map((event) => event.topic));
  const blocked = blockedTopics.filter(({ topic }) => liveTopics.has(topic));
  const waits = new Set(blocked.map(({ topic }) => topic));
  const condemned = new Map(unsendable.map((event) => [event.eventId, event]));
  const gone = new Map(blockedTopics.map((topic) => [topic.topic, topic]));
  const parked: Parked[] = events.flatMap((event) => {
    const why = condemned.get(memberId(event)) ?? gone.get(event.topic);
    const isCulprit = event.id === culprit?.eventId && event.replay?.copyId === culprit.copyId;
    return why === undefined || isCulprit || waits.has(event.topic) ? [] : [parkedOf(event, why)];
  });
  if (culprit !== null) parked.push(culprit);
  const parkedIds = new Set(parked.flatMap(({ eventId, copyId }) => (copyId === undefined ? [eventId] : [])));
  const parkedCopies = new Set(parked.map(({ copyId }) => copyId));
  // A batch has its live events first; copies neither hold nor wait.
  const left = [
    ...withoutHeld(live, parkedIds, onPoison),
    ...copies.filter((copy) => !parkedCopies.has(copy.replay?.copyId)),
  ];
  return { sendable: left.filter((event) => !waits.has(event.topic)), parked, blocked };
}

const NONE_REFUSED: ReadonlyMap<string, BlockedTopic> = new Map();

/** The topics of `events` that are blocked by what can be seen of them, or because they refused a send before. */
function withRefused(
  seen: readonly BlockedTopic[],
  refused: ReadonlyMap<string, BlockedTopic>,
  events: readonly OutboxEvent[],
): readonly BlockedTopic[] {
  if (refused.size === 0) return seen;
  const topics = new Set(events.map((event) => event.topic));
  const known = new Set(seen.map(({ topic }) => topic));
  return [...seen, ...[...refused.values()].filter(({ topic }) => topics.has(topic) && !known.has(topic))];
}

/** An event, or the copy of one, with why it is parked. */
export function parkedOf(event: OutboxEvent, why: { readonly code: string; readonly reason: string }): Parked {
  return { eventId: event.id, copyId: event.replay?.copyId, code: why.code, reason: why.reason };
}

/**
 * Parks events that are in no batch: they can never be sent as they are, and are kept with their reason. Answers the
 * revision under which the rest of the selection may be recorded.
 */
export async function park(deps: DrainDeps, hold: Hold, revision: number, parked: readonly Parked[]): Promise<number> {
  if (hold.clean === null)
    throw new OutboxError('INTERNAL', 'parking without a clean session; report this as a defect');
  await failpoint('before_park');
  const raised = await parkEvents(deps.pool, { ref: hold.ref, fence: hold.clean.fence, revision, parked });
  await failpoint('after_park');
  observeParked(deps, hold, parked);
  return raised.revision;
}

export function observeParked(deps: DrainDeps, hold: Hold, parked: readonly Parked[]): void {
  for (const event of parked) {
    deps.observer.parked(hold.ref, event.code, 1);
    deps.observer.note(hold.ref, 'event parked', { eventId: event.eventId, code: event.code, reason: event.reason });
  }
}

/** Bytes of events that count for batches and quotas: the payloads, and a flat share each for headers and key. */
export function sizeOfAll(events: readonly OutboxEvent[]): number {
  return events.reduce((sum, event) => sum + (event.payload?.length ?? 0) + EVENT_BYTES, 0);
}
