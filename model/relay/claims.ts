import { publisherOf } from './scope';
import type { Scope } from './scope';
import { has, isOwned, mayWrite, publisherRow } from './server';
import type { Holder, Item, Server } from './world';

/** What this holder has selected and not seen settled. */
export function inFlight(me: Holder): readonly Item[] {
  return [...(me.prepared ?? []), ...(me.sending?.items ?? []), ...me.settling.flatMap(({ items }) => items)];
}

/**
 * P1: the next pending events of the attached publishers, as one statement sees them; null = f is no more. Without the rule
 * the exclusion happens when the answer is there: `answered`.
 */
export function claim(scope: Scope, server: Server, relay: number, me: Holder): readonly Item[] | null {
  const { rules } = scope;
  if (!mayWrite(server, relay, me, 'Claim', rules)) return null;
  const busy = inFlight(me);
  const found: Item[] = [];
  for (const item of pending(server)) {
    const publisher = publisherOf(scope, item.id);
    const row = publisherRow(server, publisher);
    if (!me.set.includes(publisher) || found.length >= scope.batch) continue;
    if (rules.ownerAtClaim && !(row.owner?.relay === relay && row.owner.fence === me.fence)) continue;
    if (rules.stoppedAtClaim && row.stopped) continue;
    if (rules.excludesUnsettled && has(server.unsettled, item)) continue;
    if (rules.holdKey && isHeld(scope, server, item)) continue;
    if (rules.inFlightAtBegin && has(busy, item)) continue;
    const taken = [...found, ...(rules.countsInFlight ? busy : [])].filter(
      (other) => publisherOf(scope, other.id) === publisher,
    );
    if (row.used + taken.length >= row.granted) continue;
    found.push(item);
  }
  return found;
}

/** What the answer of a claim leaves to send. */
export function answered(scope: Scope, me: Holder): readonly Item[] {
  const items = me.claim?.items ?? [];
  return scope.rules.inFlightAtBegin ? items : items.filter((item) => !has(inFlight(me), item));
}

/** Live events in order of id, then replays. */
function pending(server: Server): Item[] {
  const live: Item[] = [];
  const copies: Item[] = [];
  for (const [index, { status, version, copy }] of server.events.entries()) {
    if (status === 'pending') live.push({ id: index + 1, version, copy: 0 });
    if (copy === 'pending') copies.push({ id: index + 1, version, copy: 1 });
  }
  return [...live, ...copies];
}

/** Behind a parked event of its key. */
export function isHeld(scope: Scope, server: Server, { id, copy }: Item): boolean {
  const plan = scope.events[id - 1];
  if (plan === undefined || plan.key === null || copy === 1) return false;
  return scope.events.some(
    (other, index) =>
      index + 1 < id &&
      other.key === plan.key &&
      other.publisher === plan.publisher &&
      server.events[index]?.status === 'failed',
  );
}

/** Somebody has it, or may have it once attached. */
export function waits(server: Server, publisher: number): boolean {
  return !publisherRow(server, publisher).gone && !isOwned(server, publisher);
}
