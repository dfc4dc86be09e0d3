import type { Rules } from './rules';
import { publisherOf } from './scope';
import type { Scope } from './scope';
import { eventRow, has, publisherRow, sameItem, statusOf, withEvent, withPublisher } from './server';
import type { Item, Server } from './world';

/** What Kafka has committed is published here: part of settle and of T4, which move L in the same statement. */
export function publishAll(scope: Scope, server: Server, items: readonly Item[], from: 'settle' | 'takeOver'): Server {
  return items.reduce((now, item) => publishOne(scope, now, item, from), server);
}

/** A member in `unsettled`, tried again alone; the same server if its row is still locked. */
export function retryUnsettled(scope: Scope, server: Server, item: Item): Server {
  return server.locked.includes(item.id) ? server : change(scope, withoutUnsettled(server, item), item, true);
}

function publishOne(scope: Scope, server: Server, member: Item, from: 'settle' | 'takeOver'): Server {
  const { rules } = scope;
  const item = rules.fingerprints ? member : { ...member, version: eventRow(server, member.id).version };
  const status = statusOf(server, item);
  if (status === 'published') return withoutUnsettled(server, item);
  if (status === 'absent' && !isLostCopy(server, item, rules)) return server;
  if (from === 'takeOver' && !rules.whateverStatus && status !== 'pending') return server;
  const aside = has(server.unsettled, item);
  if (!server.locked.includes(item.id)) return change(scope, withoutUnsettled(server, item), item, aside);
  if (aside || !rules.lockedGoAside) return server;
  const there = { ...server, unsettled: [...server.unsettled, item] };
  return rules.unsettledCounts ? used(scope, there, item) : there;
}

/** `counted` = it went into unsettled before, which counted it. */
function change(scope: Scope, server: Server, item: Item, counted: boolean): Server {
  const status = statusOf(server, item);
  if (status === 'published' || (status === 'absent' && !isLostCopy(server, item, scope.rules))) return server;
  const after = withEvent(server, item.id, item.copy === 0 ? { status: 'published' } : { copy: 'published' });
  return counted && scope.rules.unsettledCounts ? after : used(scope, after, item);
}

/** The event is there, but not the replay that sent this copy. */
function isLostCopy(server: Server, item: Item, rules: Rules): boolean {
  return rules.restoresCopies && item.copy === 1 && statusOf(server, { ...item, copy: 0 }) !== 'absent';
}

function used(scope: Scope, server: Server, item: Item): Server {
  const publisher = publisherOf(scope, item.id);
  return withPublisher(server, publisher, { used: publisherRow(server, publisher).used + 1 });
}

function withoutUnsettled(server: Server, item: Item): Server {
  if (!has(server.unsettled, item)) return server;
  return { ...server, unsettled: server.unsettled.filter((other) => !sameItem(other, item)) };
}
