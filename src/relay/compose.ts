import type { Lane, OutboxEvent } from '../domain/event';
import { EVENT_BYTES } from '../postgres/event-columns';
import { claim } from '../postgres/relay/claim';
import type { Claimed, ClaimedEvent } from '../postgres/relay/claim';
import { claimCopies } from '../postgres/relay/claim-copies';
import type { ClaimedCopies, WantedCopies } from '../postgres/relay/claim-copies';
import type { HeldRelay } from '../postgres/relay/holds';
import type { Horizon } from '../postgres/relay/look';
import { eventCost } from '../domain/relay/shares';
import type { Share } from '../domain/relay/shares';
import type { InFlight } from '../domain/relay/in-flight';
import type { Attachment } from './attachment';
import type { Attachments } from './attachments';
import type { RelayDeps } from './deps';
import { taken } from './taken';
import type { LiveAsk } from './taken';

/** Events of one publisher, claimed and not sent yet. */
export interface PreparedGroup {
  readonly attachment: Attachment;
  readonly lane: Lane;
  readonly events: readonly ClaimedEvent[];
  /** Its tokens: payloads, and a flat share each. */
  readonly bytes: number;
  /** The publisher's when they were claimed. */
  readonly revision: number;
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

type Ask =
  | (LiveAsk & { readonly lane: 'live' })
  | { readonly attachment: Attachment; readonly lane: 'replay'; readonly want: WantedCopies };

/** What a claim answered to one ask, and the part of it that may be sent. */
interface Answer {
  readonly allowed: boolean;
  readonly events: readonly ClaimedEvent[];
  readonly revision: number;
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
  const asks = chooseShares(deps, set, budget);
  if (asks.length === 0) return null;
  for (const { attachment } of asks) attachment.onTheWay += 1;
  const read = inFlight.begin();
  try {
    const answers = await claimAll(deps, held, asks, horizon, inFlight);
    const groups: PreparedGroup[] = [];
    for (const [i, { attachment, lane }] of asks.entries()) {
      const { allowed, events, revision } = answers[i] as Answer;
      if (!allowed) set.end(attachment, 'paused');
      const sizes = events.map(({ event }) => sizeOf(event));
      const cost = sizes.reduce((sum, size) => sum + eventCost(size), 0);
      set.shares.spent(attachment.id, cost, events.length, lane);
      if (events.length === 0) continue;
      const bytes = sizes.reduce((sum, size) => sum + size, 0);
      inFlight.exclude(events.map(({ event }) => flightId(event)));
      attachment.tokens.took(events.length, bytes);
      attachment.onTheWay += 1;
      attachment.lastEventAt = Date.now();
      groups.push({ attachment, lane, events, bytes, revision });
    }
    return groups.length === 0 ? null : prepared(groups);
  } finally {
    inFlight.end(read);
    const now = Date.now();
    for (const { attachment } of asks) {
      attachment.onTheWay -= 1;
      if (attachment.aside.size > 0) set.anyMet = true;
      set.judge(attachment, now);
    }
  }
}

export function prepared(groups: readonly PreparedGroup[]): Prepared {
  const sum = (of: (group: PreparedGroup) => number): number => groups.reduce((total, group) => total + of(group), 0);
  return { groups, events: sum(({ events }) => events.length), bytes: sum(({ bytes }) => bytes) };
}

/** Names an event on its way: a copy of a replay is another one than the event itself. */
export function flightId({ id, replay }: OutboxEvent): string {
  return replay === undefined ? id : `${id}/${replay.replayId}`;
}

function chooseShares(deps: RelayDeps, set: Attachments, budget: Budget): Ask[] {
  const now = Date.now();
  /** What the live lane of a publisher was asked for: its quota is one. */
  const asked = new Map<Attachment, { events: number; bytes: number }>();
  return inTurn(deps, set, set.shares.take(budget.bytes, budget.events)).flatMap(
    ({ publisher, lane, cost, events }): Ask[] => {
      const attachment = set.get(publisher);
      if (attachment === undefined || !attachment.has(lane)) {
        set.shares.idle(publisher, lane);
        return [];
      }
      const before = asked.get(attachment) ?? { events: 0, bytes: 0 };
      const allowed = attachment.allowance(now, before.events + Math.max(1, events));
      const most = allowed.events - before.events;
      if (most <= 0) {
        set.shares.spent(publisher, 0, 0, lane);
        if (before.events === 0) set.judge(attachment, now);
        return [];
      }
      const bytes = Math.max(1, Math.min(cost, (allowed.bytes ?? Infinity) - before.bytes));
      const ask = lane === 'live' ? askEvents(attachment, most, bytes) : askCopies(attachment, most, bytes);
      asked.set(attachment, { events: before.events + ask.want.events, bytes: before.bytes + bytes });
      return [ask];
    },
  );
}

function askEvents(attachment: Attachment, most: number, bytes: number): Ask {
  attachment.aside.claimBegins();
  const ids = attachment.queue.peek(most);
  if (ids.length === 0) attachment.scanBegins();
  const want = {
    publisher: attachment.ref,
    ids,
    after: attachment.cursor ?? '0',
    events: ids.length > 0 ? ids.length : most,
    bytes,
    asks: attachment.asks,
    holds: attachment.holds,
  };
  return { attachment, lane: 'live', want, generation: attachment.generation };
}

function askCopies(attachment: Attachment, events: number, bytes: number): Ask {
  attachment.copies.claimBegins();
  return {
    attachment,
    lane: 'replay',
    want: { publisher: attachment.ref, after: attachment.copies.cursor, events, bytes },
  };
}

/** Both lanes side by side, aligned with `asks`. */
async function claimAll(
  deps: RelayDeps,
  held: HeldRelay,
  asks: readonly Ask[],
  horizon: Horizon,
  inFlight: InFlight,
): Promise<Answer[]> {
  const live = asks.flatMap((ask) => (ask.lane === 'live' ? [ask] : []));
  const replay = asks.flatMap((ask) => (ask.lane === 'replay' ? [ask] : []));
  const [events, copies] = await Promise.all([
    live.length === 0
      ? []
      : claim(
          deps.db,
          held,
          live.map(({ want }) => want),
          horizon,
        ),
    claimCopies(
      deps.db,
      held,
      replay.map(({ want }) => want),
    ),
  ]);
  const answers = new Map<Ask, Answer>();
  for (const [i, ask] of live.entries()) {
    const claimed = events[i] as Claimed;
    answers.set(ask, { allowed: claimed.allowed, events: taken(ask, claimed, inFlight), revision: claimed.revision });
  }
  for (const [i, ask] of replay.entries()) {
    const claimed = copies[i] as ClaimedCopies;
    if (claimed.allowed) ask.attachment.copies.claimed(claimed.last, claimed.exhausted);
    answers.set(ask, {
      allowed: claimed.allowed,
      revision: 0,
      events: claimed.events.filter(({ event }) => !inFlight.excluded(flightId(event))),
    });
  }
  return asks.map((ask) => answers.get(ask) as Answer);
}

/** One that is to be alone, or in quarantine, has every second transaction while others have work. */
function inTurn({ quarantine }: RelayDeps, set: Attachments, shares: readonly Share[]): readonly Share[] {
  const isAlone = ({ publisher }: Share): boolean => quarantine.has(publisher) || (set.get(publisher)?.alone ?? 0) > 0;
  const alone = shares.find(isAlone);
  if (alone === undefined) return shares;
  const others = shares.filter((share) => !isAlone(share));
  set.aloneTurn = others.length === 0 || !set.aloneTurn;
  const chosen = set.aloneTurn ? [alone] : others;
  for (const share of shares) if (!chosen.includes(share)) set.shares.spent(share.publisher, 0, 0, share.lane);
  return chosen;
}

export function sizeOf(event: OutboxEvent): number {
  return (event.payload?.length ?? 0) + EVENT_BYTES;
}
