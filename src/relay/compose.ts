import type { OutboxEvent } from '../domain/event';
import { EVENT_BYTES } from '../postgres/event-columns';
import { claim } from '../postgres/relay/claim';
import type { Claimed, ClaimedEvent, Wanted } from '../postgres/relay/claim';
import type { HeldRelay } from '../postgres/relay/holds';
import type { Horizon } from '../postgres/relay/look';
import { eventCost } from '../domain/relay/shares';
import type { InFlight } from '../domain/relay/in-flight';
import type { Attachment } from './attachment';
import type { Attachments } from './attachments';
import type { RelayDeps } from './deps';

/** Events of one publisher, claimed and not sent yet. */
export interface PreparedGroup {
  readonly attachment: Attachment;
  readonly events: readonly ClaimedEvent[];
  /** Its tokens: payloads, and a flat share each. */
  readonly bytes: number;
}

/** What the next transaction will hold. */
export interface Prepared {
  readonly groups: readonly PreparedGroup[];
  readonly events: number;
  readonly bytes: number;
}

export interface Budget {
  readonly events: number;
  readonly bytes: number;
}

interface Ask {
  readonly attachment: Attachment;
  readonly want: Wanted;
  readonly cost: number;
}

/**
 * P1: fair shares of the budget for the publishers that have work, and their next events. What was in flight when the claim began is left
 * out. Everything that is answered is in flight from then on. Null = nothing to send now; judge again when something changes.
 */
export async function compose(
  deps: RelayDeps,
  held: HeldRelay,
  set: Attachments,
  inFlight: InFlight,
  horizon: Horizon,
  budget: Budget,
): Promise<Prepared | null> {
  const asks = chooseShares(set, budget);
  if (asks.length === 0) return null;
  for (const { attachment } of asks) attachment.onTheWay += 1;
  const read = inFlight.begin();
  try {
    const answers = await claim(
      deps.db,
      held,
      asks.map(({ want }) => want),
      horizon,
    );
    const groups: PreparedGroup[] = [];
    for (const [i, ask] of asks.entries()) {
      const events = taken(ask, answers[i] as Claimed, inFlight);
      const { attachment } = ask;
      if (answers[i]?.allowed === false) set.end(attachment, 'paused');
      const bytes = events.reduce((sum, { event }) => sum + sizeOf(event), 0);
      set.shares.spent(
        attachment.id,
        events.reduce((sum, { event }) => sum + costOf(event), 0),
        events.length,
      );
      if (events.length === 0) continue;
      inFlight.exclude(events.map(({ event }) => event.id));
      attachment.took(events.length, bytes);
      attachment.onTheWay += 1;
      attachment.lastEventAt = Date.now();
      groups.push({ attachment, events, bytes });
    }
    return groups.length === 0 ? null : prepared(groups);
  } finally {
    inFlight.end(read);
    const now = Date.now();
    for (const { attachment } of asks) {
      attachment.onTheWay -= 1;
      set.judge(attachment, now);
    }
  }
}

export function prepared(groups: readonly PreparedGroup[]): Prepared {
  const sum = (of: (group: PreparedGroup) => number): number => groups.reduce((total, group) => total + of(group), 0);
  return { groups, events: sum(({ events }) => events.length), bytes: sum(({ bytes }) => bytes) };
}

function chooseShares(set: Attachments, budget: Budget): Ask[] {
  const now = Date.now();
  return set.shares.take(budget.bytes, budget.events).flatMap(({ publisher, cost, events }) => {
    const attachment = set.get(publisher);
    if (attachment === undefined || !attachment.hasWork) {
      set.shares.idle(publisher);
      return [];
    }
    const allowed = attachment.allowance(now, Math.max(1, events));
    if (allowed.events === 0) {
      set.shares.spent(publisher, 0, 0);
      set.judge(attachment, now);
      return [];
    }
    const ids = attachment.queue.peek(allowed.events);
    if (ids.length === 0) attachment.scanBegins();
    const want = {
      publisher: attachment.ref,
      ids,
      after: attachment.cursor ?? '0',
      events: ids.length > 0 ? ids.length : allowed.events,
      bytes: Math.max(1, Math.min(cost, allowed.bytes ?? cost)),
      holds: attachment.holds,
    };
    return [{ attachment, want, cost }];
  });
}

/** What of a claim may be sent, with the attachment's cursor or queue moved behind it. */
function taken({ attachment, want }: Ask, claimed: Claimed, inFlight: InFlight): readonly ClaimedEvent[] {
  const { events, exhausted, late, allowed } = claimed;
  if (!allowed) return [];
  const last = events.at(-1)?.event.id ?? null;
  if (want.ids.length > 0) {
    // Ids that were not answered are no longer pending, except behind the last that fitted.
    const cut = events.length > 0 && events.length < want.ids.length ? last : want.ids.at(-1);
    if (cut != null) attachment.queue.dropUpTo(cut);
    return events.filter(({ event }) => !inFlight.excluded(event.id));
  }
  const fresh = late.filter((id) => !inFlight.excluded(id));
  if (fresh.length > 0) {
    // They may have been enqueued before what the scan read, and the order of their keys is by id: they go first.
    for (const id of fresh) attachment.queue.add(id);
    return [];
  }
  attachment.scanned(last, exhausted);
  return events.filter(({ event }) => !inFlight.excluded(event.id));
}

export function sizeOf(event: OutboxEvent): number {
  return (event.payload?.length ?? 0) + EVENT_BYTES;
}

function costOf(event: OutboxEvent): number {
  return eventCost(sizeOf(event));
}
