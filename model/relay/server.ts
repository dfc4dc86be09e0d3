import { replaceAt } from './kafka';
import type { Rules, Statement } from './rules';
import type { EventRow, Holder, Item, PublisherRow, RelayRow, Server, Status } from './world';

/** The right to write that T0 gave, as this statement asks for it. */
export function mayWrite(server: Server, relay: number, me: Holder, what: Statement, rules: Rules): boolean {
  if (rules[`server${'At'}${what}`] && server.id !== me.server) return false;
  return !rules[`fence${'At'}${what}`] || relayOf(server, relay).fence === me.fence;
}

export function relayOf(server: Server, relay: number): RelayRow {
  return server.relays[relay] as RelayRow;
}

export function publisherRow(server: Server, publisher: number): PublisherRow {
  return server.publishers[publisher] as PublisherRow;
}

export function eventRow(server: Server, id: number): EventRow {
  return server.events[id - 1] as EventRow;
}

export function withRelay(server: Server, relay: number, change: Partial<RelayRow>): Server {
  return { ...server, relays: replaceAt(server.relays, relay, change) };
}

export function withPublisher(server: Server, publisher: number, change: Partial<PublisherRow>): Server {
  return { ...server, publishers: replaceAt(server.publishers, publisher, change) };
}

export function withEvent(server: Server, id: number, change: Partial<EventRow>): Server {
  return { ...server, events: replaceAt(server.events, id - 1, change) };
}

export function sameItem(a: Item, b: Item): boolean {
  return a.id === b.id && a.version === b.version && a.copy === b.copy;
}

export function has(list: readonly Item[], item: Item): boolean {
  return list.some((other) => sameItem(other, item));
}

/** What the row of this member says; absent = Postgres has no such row. */
export function statusOf(server: Server, item: Item): Status {
  const row = eventRow(server, item.id);
  if (row.status === 'absent' || row.version !== item.version) return 'absent';
  return item.copy === 0 ? row.status : row.copy;
}

/** True if this owner may still send: its relay was not taken over since. */
export function isOwned(server: Server, publisher: number): boolean {
  const { owner } = publisherRow(server, publisher);
  return owner !== null && owner.fence > relayOf(server, owner.relay).closed;
}

export function allRecovered(server: Server): boolean {
  return server.relays.every((row, relay) => relay >= server.n || row.recoveredOn === server.id);
}

/** After this nothing of the publisher is sent, until it is resumed. */
export function isPauseComplete(server: Server, publisher: number, rules: Rules): boolean {
  const { stopped } = publisherRow(server, publisher);
  if (!stopped) return false;
  if (rules.pauseAwaitsRecovery && !allRecovered(server)) return false;
  return !rules.pauseAwaitsOwner || !isOwned(server, publisher);
}
