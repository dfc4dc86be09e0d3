import { failpoint } from '../../failpoints/failpoint';
import type { OutboxEvent } from '../../domain/event';
import { OutboxError } from '../../domain/errors';
import { withoutHeld } from '../../domain/hold-key';
import type { OnPoison } from '../../domain/hold-key';
import { EVENT_BYTES } from '../../postgres/claims';
import { parkEvents } from '../../postgres/parking';
import type { Parked } from '../../postgres/parking';
import type { DrainDeps } from './context';
import type { Hold } from './hold';

/** A topic that cannot take events now: its events wait, those of other topics flow. */
export interface BlockedTopic {
  readonly topic: string;
  readonly code: 'KAFKA_TOPIC_MISSING' | 'KAFKA_TOPIC_FORBIDDEN' | 'KAFKA_TOPIC_NOT_ALLOWED';
  readonly reason: string;
}

export interface Screened {
  readonly sendable: readonly OutboxEvent[];
  readonly parked: readonly Parked[];
  readonly blocked: readonly BlockedTopic[];
}

/**
 * Splits events into those to send, those to park and those whose topic is blocked. Sends and writes nothing. What must wait
 * behind an event to park is in neither: it stays pending. `culprit` is an event that Kafka has refused for the last time.
 */
export async function screen(
  hold: Hold,
  events: readonly OutboxEvent[],
  onPoison: OnPoison,
  culprit: Parked | null = null,
): Promise<Screened> {
  const { unsendable, blockedTopics } = await hold.session.preflight(events);
  const blocked = new Set(blockedTopics.map((topic) => topic.topic));
  const parked: Parked[] = unsendable.filter(
    ({ eventId }) => eventId !== culprit?.eventId && !blocked.has(topicOf(events, eventId)),
  );
  if (culprit !== null) parked.push(culprit);
  const left = withoutHeld(events, new Set(parked.map(({ eventId }) => eventId)), onPoison);
  return {
    sendable: blocked.size === 0 ? left : left.filter((event) => !blocked.has(event.topic)),
    parked,
    blocked: blockedTopics,
  };
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

function topicOf(events: readonly OutboxEvent[], id: string): string {
  return events.find((event) => event.id === id)?.topic ?? '';
}

/** Bytes of an event that count for batches: the payload, and a flat share for headers and key. */
export function sizeOf(event: OutboxEvent): number {
  return (event.payload?.length ?? 0) + EVENT_BYTES;
}
