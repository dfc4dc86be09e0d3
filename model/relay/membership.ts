import { inFlight, waits } from './claims';
import { endTransaction, isBusy, ledgerOf, produce } from './kafka';
import { settles } from './loop';
import { publisherOf } from './scope';
import { publisherRow } from './server';
import { attach, detach, raise } from './statements';
import type { Done, Turn } from './turn';
import type { Holder, Item, Record, Server } from './world';

/** Publishers come and go; a retired relay sends its publishers elsewhere; relay 0 raises N. */
export function membershipSteps(turn: Turn): void {
  const { me } = turn;
  if (me.step === 'open') {
    attaches(turn);
    for (const publisher of me.set) if (mayLeave(turn, publisher)) detaches(turn, publisher);
    raises(turn);
  }
  if (me.step === 'retired') {
    settles(turn);
    for (const publisher of me.set) if (!isIn(turn, batches(me), publisher)) detaches(turn, publisher);
    turn.givesUp('begins anew');
  }
}

function attaches(turn: Turn): void {
  const { me, world, relay, scope, rules } = turn;
  for (const publisher of world.pg.publishers.keys()) {
    const home = world.old?.id === me.server ? world.old : world.pg;
    if (me.set.includes(publisher) || (!waits(home, publisher) && rules.ownerFree)) continue;
    const statement = (server: Server): Done | null => {
      const after = attach(scope, server, relay, me, publisher);
      if (after === null) return server.id === me.server && fits(server, turn) ? { server, then: {} } : null;
      return { server: after, then: { set: [...me.set, publisher].sort() } };
    };
    turn.ask(`attaches P${publisher}`, statement);
    if (!rules.unknownAttach) {
      turn.loses(`attaches P${publisher}`, statement, { set: [...me.set, publisher].sort() });
    }
  }
}

/** Refused for its own reasons, not because f is no more: the holder goes on. */
function fits(server: Server, { relay, me }: Turn): boolean {
  return server.relays[relay]?.fence === me.fence;
}

function mayLeave(turn: Turn, publisher: number): boolean {
  const { me, world, rules } = turn;
  const home = world.old?.id === me.server ? world.old : world.pg;
  if (!turn.can('moves') && !publisherRow(home, publisher).stopped) return false;
  if (rules.detachAwaitsClaim && isIn(turn, me.claim?.items ?? [], publisher)) return false;
  if (rules.detachAwaitsPrepared && isIn(turn, me.prepared ?? [], publisher)) return false;
  if (me.culprit !== null && isIn(turn, [me.culprit], publisher)) return false;
  return !rules.detachAwaitsBatches || !isIn(turn, [...batches(me), ...(me.sending?.items ?? [])], publisher);
}

function detaches(turn: Turn, publisher: number): void {
  const { me, relay, scope, rules, world } = turn;
  const then = { set: me.set.filter((other) => other !== publisher) };
  const statement = (server: Server): Done | null => {
    const after = detach(scope, server, relay, me, publisher);
    return after === null ? null : { server: after, then };
  };
  const before = turn.nexts.length;
  turn.ask(`detaches P${publisher}`, statement);
  if (!rules.unknownDetach) turn.loses(`detaches P${publisher}`, statement, then);
  const stopped = world.pg.publishers[publisher]?.stopped === true || me.step === 'retired';
  if (stopped) return;
  const { left } = turn.spent('moves');
  for (let at = before; at < turn.nexts.length; at += 1) {
    const next = turn.nexts[at];
    if (next !== undefined)
      turn.nexts[at] = { ...next, world: { ...next.world, left: { ...next.world.left, moves: left.moves } } };
  }
}

/** N := N + 1: the barrier first, then the row. */
function raises(turn: Turn): void {
  const { me, relay, world, kafka, rules, scope } = turn;
  if (me.raising !== null) {
    turn.ask('raises N', (server) => {
      const after = raise(scope, server, kafka, me);
      return after === null ? null : { server: after, then: { raising: null, n: after.n } };
    });
  } else if (relay === 0 && turn.can('raises') && me.server === world.pg.id && inFlight(me).length === 0) {
    if (isBusy(kafka, relay) || me.claim !== null) return;
    if (!rules.nThroughBarrier) {
      turn.goto('is to raise N', { raising: 0 }, turn.spent('raises'));
      return;
    }
    const { fence, server, origin } = me;
    const barrier: Record = { kind: 'barrier', fence, server, origin, from: 0, n: me.n + 1 };
    const begun = produce(kafka, relay, me.epoch, [], [barrier]);
    const after = begun === null ? null : endTransaction(begun, relay, me.epoch, 'commit');
    if (after === null) turn.givesUp('writes a barrier that raises N: fenced in Kafka');
    else {
      const raising = ledgerOf(kafka, relay).records.length;
      turn.goto(`writes a barrier with N = ${me.n + 1}`, { raising }, { kafka: after, ...turn.spent('raises') });
    }
  }
}

function batches(me: Holder): readonly Item[] {
  return me.settling.flatMap(({ items }) => items);
}

function isIn({ scope }: Turn, items: readonly Item[], publisher: number): boolean {
  return items.some(({ id }) => publisherOf(scope, id) === publisher);
}
