import { batchMark, markOf } from './judge';
import { ledgerOf, replaceAt } from './kafka';
import { publishAll } from './publish';
import type { Scope } from './scope';
import { allRecovered, isOwned, mayWrite, publisherRow, relayOf, withPublisher, withRelay } from './server';
import type { Holder, Kafka, Sent, Server } from './world';

/** Each function is one statement of a relay and therefore atomic; null = refused. */
export function takeFence(server: Server, relay: number): Server {
  const log = server.log + 1;
  return { ...withRelay(server, relay, { fence: relayOf(server, relay).fence + 1 }), log, wal: server.wal || log };
}

/** An older copy replaces the server that it is a copy of: all its relays are to be taken over anew. */
export function raiseGeneration(server: Server, generation: number): Server {
  if (server.generation >= generation) return server;
  const relays = server.relays.map((row) => ({ ...row, fence: row.fence + 1, recoveredOn: 0 }));
  return { ...server, generation, log: server.log + 1, relays };
}

/** T4, one chunk; the last one closes the older fences. */
export function applyNext(scope: Scope, server: Server, kafka: Kafka, relay: number, me: Holder): Server | null {
  const { rules } = scope;
  if (!mayWrite(server, relay, me, 'TakeOver', rules)) return null;
  const ledger = ledgerOf(kafka, relay);
  const record = me.next < me.until ? ledger.records[me.next] : undefined;
  let after = server;
  if (record !== undefined) {
    const row = relayOf(server, relay);
    if (rules.lCompared && row.settledTo !== me.next) return null;
    const settledTo = rules.chunksMoveL ? me.next + 1 : me.until;
    const seq = record.kind === 'batch' ? record.seq : row.seq;
    if (record.kind === 'batch') after = publishAll(scope, server, record.members, 'takeOver');
    after = withRelay(after, relay, { settledTo, seq, mark: markOf(ledger, settledTo - 1) });
  }
  if (record?.kind === 'barrier' && rules.nWithChunk) after = { ...after, n: Math.max(after.n, record.n) };
  if (me.next + 1 < me.until) return after;
  const closed = me.fence - (rules.closesBelowF ? 1 : 0);
  after = withRelay(after, relay, { closed, recoveredOn: me.server });
  return rules.nWithChunk ? after : { ...after, n: Math.max(after.n, me.n) };
}

/** T5: the publishers that an older fence of this relay owns. */
export function adopt(scope: Scope, server: Server, relay: number, me: Holder): Server | null {
  if (!mayWrite(server, relay, me, 'Adopt', scope.rules)) return null;
  return server.publishers.reduce((now, { owner }, publisher) => {
    const mine = owner !== null && owner.relay === relay && owner.fence < me.fence;
    return mine ? withPublisher(now, publisher, { owner: { relay, fence: me.fence } }) : now;
  }, server);
}

export function ownedBy(server: Server, relay: number, fence: number): number[] {
  return server.publishers.flatMap(({ owner }, publisher) =>
    owner !== null && owner.relay === relay && owner.fence === fence ? [publisher] : [],
  );
}

export function attach(scope: Scope, server: Server, relay: number, me: Holder, publisher: number): Server | null {
  const { rules } = scope;
  const { gone, stopped } = publisherRow(server, publisher);
  if (gone || !mayWrite(server, relay, me, 'Attach', rules)) return null;
  if (rules.allRecovered && !allRecovered(server)) return null;
  if (rules.ownerFree && isOwned(server, publisher)) return null;
  if (rules.notStopped && stopped) return null;
  return withPublisher(server, publisher, { owner: { relay, fence: me.fence } });
}

/** Null only if f is no more: an owner that is another one stays, which is no refusal. */
export function detach(scope: Scope, server: Server, relay: number, me: Holder, publisher: number): Server | null {
  const { rules } = scope;
  if (!mayWrite(server, relay, me, 'Detach', rules)) return null;
  const { owner } = publisherRow(server, publisher);
  const own = owner !== null && owner.relay === relay && owner.fence === me.fence;
  return own || !rules.detachesOwn ? withPublisher(server, publisher, { owner: null }) : server;
}

export function settle(
  scope: Scope,
  server: Server,
  made: number,
  relay: number,
  me: Holder,
  sent: Sent,
): Server | null {
  const { rules } = scope;
  if (!mayWrite(server, relay, me, 'Settle', rules)) return null;
  const row = relayOf(server, relay);
  const follows = !rules.lCompared || row.settledTo === sent.at;
  if (!follows && rules.settlesInOrder) return null;
  const after = publishAll(scope, server, sent.items, 'settle');
  if (!follows) return after;
  const mark = batchMark(made, sent.seq, me.fence);
  return withRelay(after, relay, { settledTo: Math.max(row.settledTo, sent.at + 1), seq: sent.seq, mark });
}

export function park(scope: Scope, server: Server, relay: number, me: Holder): Server | null {
  const item = me.culprit;
  if (item === null || !mayWrite(server, relay, me, 'Park', scope.rules)) return null;
  const row = server.events[item.id - 1];
  if (row === undefined || row.version !== item.version || row.status !== 'pending' || item.copy === 1) return server;
  return { ...server, events: replaceAt(server.events, item.id - 1, { status: 'failed' }) };
}

/** N := N + 1, once the barrier that says so is committed. */
export function raise(scope: Scope, server: Server, kafka: Kafka, me: Holder): Server | null {
  const { rules } = scope;
  if (!mayWrite(server, 0, me, 'Raise', rules)) return null;
  const raised: Server = { ...server, n: server.n + 1 };
  if (me.raising === null || !rules.nThroughBarrier) return raised;
  if (relayOf(server, 0).settledTo !== me.raising) return null;
  const mark = markOf(ledgerOf(kafka, 0), me.raising);
  return withRelay(raised, 0, { settledTo: me.raising + 1, mark });
}
