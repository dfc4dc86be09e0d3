import type { OutboxEvent } from '../domain/event';
import type { InFlight } from '../domain/relay/in-flight';
import type { Claimed, ClaimedEvent, Wanted } from '../postgres/relay/claim';
import type { Attachment } from './attachment';
import { compareIds } from './id-queue';

export interface LiveAsk {
  readonly attachment: Attachment;
  readonly want: Wanted;
  /** The attachment's when it was asked. */
  readonly generation: number;
}

/** What of a claim may be sent, with the attachment's cursor or queue moved behind it. What must wait is to be set aside. */
export function taken(
  { attachment, want, generation }: LiveAsk,
  claimed: Claimed,
  inFlight: InFlight,
): readonly ClaimedEvent[] {
  if (!claimed.allowed) return [];
  if (attachment.generation !== generation) {
    attachment.rescan();
    return [];
  }
  const asked = new Set(claimed.late.length === 0 ? [] : want.ids);
  const late = claimed.late.filter(({ id }) => !inFlight.excluded(id) && !asked.has(id));
  if (want.ids.length === 0) {
    // They may have been enqueued before what the scan read, and the order of their keys is by id: they go first.
    if (late.length === 0) attachment.scanned(claimed.last, claimed.exhausted);
    for (const { id } of late) attachment.queue.add(id);
    return late.length > 0 ? [] : sorted(attachment, claimed, inFlight, null);
  }
  const met = claimed.events.length + claimed.waiting.length;
  // Ids that were not answered are no longer pending, except behind the last that fitted.
  const last = (met > 0 && met < want.ids.length ? claimed.last : want.ids.at(-1)) as string;
  const behind = firstBehind(claimed.events, late);
  attachment.queue.drop(want.ids.filter((id) => compareIds(id, last) <= 0 && isBefore(id, behind)));
  for (const { id } of late) attachment.queue.add(id);
  return sorted(attachment, claimed, inFlight, behind);
}

/** Those that may go, before the id `until`; the others become known as waiting. */
function sorted(
  { aside }: Attachment,
  { events, waiting, revision }: Claimed,
  inFlight: InFlight,
  until: string | null,
): readonly ClaimedEvent[] {
  const counts = ({ id }: OutboxEvent): boolean => isBefore(id, until) && !inFlight.excluded(id);
  for (const { event, lane } of waiting) if (counts(event)) aside.add(event, lane, revision);
  return events.filter(({ event }) => {
    if (!counts(event)) return false;
    const lane = aside.laneOf(event);
    if (lane !== 0) aside.add(event, lane, revision);
    return lane === 0;
  });
}

/** The first event of a key of which a lower one has become visible since the last look; null = none. */
function firstBehind(events: readonly ClaimedEvent[], late: Claimed['late']): string | null {
  const keyed = late.filter(({ key }) => key !== null);
  if (keyed.length === 0) return null;
  const found = events.find(({ event }) =>
    keyed.some(({ id, key }) => key === event.key && compareIds(id, event.id) < 0),
  );
  return found?.event.id ?? null;
}

function isBefore(id: string, until: string | null): boolean {
  return until === null || compareIds(id, until) < 0;
}
