import { judge } from './judge';
import { endTransaction, initProducer, isBusy, ledgerOf, produce, producerOf } from './kafka';
import type { Markers } from './kafka';
import { IDLE } from './scope';
import { allRecovered, mayWrite, relayOf } from './server';
import { adopt, applyNext, ownedBy, raiseGeneration, takeFence } from './statements';
import type { Turn } from './turn';
import type { Barrier, Holder, Record, Server, World } from './world';

/** T0 to T5 of one holder. */
export function takeOverSteps(turn: Turn): void {
  const { step } = turn.me;
  if (step === 'idle') begins(turn);
  if (step === 'init') inits(turn);
  if (step === 'barrier') writesBarrier(turn);
  if (step === 'fence') fencesLate(turn);
  if (step === 'older') raises(turn);
  if (step === 'apply') applies(turn);
  if (step === 'adopt') adopts(turn);
}

/** T0, on any server that answers. */
function begins(turn: Turn): void {
  const { world, relay, rules } = turn;
  if (!turn.can('runs')) return;
  for (const where of ['pg', 'old'] as const) {
    const server = world[where];
    if (server === null || relay >= server.n) continue;
    const until = rules.initBeforeRead ? 0 : ledgerOf(world.kafka, relay).records.length;
    const on: Partial<Holder> = { step: 'init', server: server.id, n: server.n, until };
    if (!rules.fenceFirst) turn.goto(`begins on S${server.id}`, on, turn.spent('runs'));
    else fence(turn, where, server, on, turn.spent('runs'));
  }
}

function fence(turn: Turn, where: 'pg' | 'old', server: Server, change: Partial<Holder>, rest: Partial<World>): void {
  const { relay } = turn;
  const after = takeFence(server, relay);
  const { fence, settledTo, mark, seq } = relayOf(after, relay);
  const row = { settledTo, mark, seq };
  const { timeline, generation, wal } = after;
  const origin = { timeline, generation, wal };
  turn.goto(
    `T0: fence ${fence} on S${server.id}`,
    { fence, origin, row, next: settledTo, ...change },
    { ...rest, [where]: after },
  );
}

/** Only without the rule: T0 after T1 and T2. */
function fencesLate(turn: Turn): void {
  const where = turn.world.pg.id === turn.me.server ? 'pg' : 'old';
  const server = turn.world[where];
  if (server !== null && server.id === turn.me.server) fence(turn, where, server, { step: 'apply' }, {});
  else turn.givesUp('finds its server gone');
}

/** T1. */
function inits(turn: Turn): void {
  const { relay, kafka, me } = turn;
  if (isBusy(kafka, relay)) {
    asides(turn);
    return;
  }
  const done = (markers: Markers): Partial<World> => ({ kafka: initProducer(kafka, relay, markers) });
  const epoch = producerOf(kafka, relay).epoch + 1;
  turn.goto(`T1: epoch ${epoch}`, { step: 'barrier', epoch }, done('written'));
  if (producerOf(kafka, relay).open === null || !turn.can('hangs') || me.aside === 'done') return;
  for (const markers of ['none', 'ledger'] as const) {
    turn.goto(`T1: its markers hang (${markers} written)`, {}, { ...done(markers), ...turn.spent('hangs') });
  }
}

/**
 * InitProducerId stays CONCURRENT_TRANSACTIONS: a partition without leader keeps a marker. Only this relay stays out, if
 * what its ledger holds is final, and if nobody can begin another transaction in that epoch.
 */
function asides(turn: Turn): void {
  const { relay, kafka, me, rules } = turn;
  const producer = producerOf(kafka, relay);
  const end = producer.open?.end ?? null;
  if (end === null || me.aside === 'done' || me.fence === 0) return;
  if (rules.hungDecided && !end.ledger) return;
  if (rules.hungFenced && !end.fenced && turn.world.spentEpochs[relay] !== producer.epoch) return;
  const witness = barrierOf(me, 0, me.n);
  const ledger = ledgerOf(kafka, relay);
  const after = rules.hungWitness
    ? { ...kafka, ledgers: kafka.ledgers.map((one, at) => (at === relay ? withRecord(one, witness) : one)) }
    : kafka;
  const until = ledger.records.length + (rules.hungWitness ? 1 : 0);
  judges(turn, 'finds its producer hanging', { ...me, aside: 'now', until }, { kafka: after });
}

function withRecord<L extends { readonly records: readonly Record[] }>(ledger: L, record: Record): L {
  return { ...ledger, records: [...ledger.records, record] };
}

/** T2 and T3: the barrier is committed, and what is before it is judged. */
function writesBarrier(turn: Turn): void {
  const { relay, me, rules } = turn;
  const raised = relay === 0 && rules.nThroughBarrier && turn.can('raises') ? [1] : [];
  for (const more of [0, ...raised]) {
    if (writesBarrierFor(turn, me.n + more, more > 0 ? turn.spent('raises') : {}) === null) return;
  }
}

function barrierOf({ server, origin, row }: Holder, fence: number, n: number): Barrier {
  return { kind: 'barrier', fence, server, origin, from: row?.settledTo ?? 0, n };
}

function writesBarrierFor(turn: Turn, n: number, spent: Partial<World>): void | null {
  const { relay, kafka, me, rules } = turn;
  const begun = produce(kafka, relay, me.epoch, [], [barrierOf(me, me.fence, n)]);
  const after = begun === null ? null : endTransaction(begun, relay, me.epoch, 'commit');
  if (after === null) {
    turn.givesUp('T2: fenced in Kafka');
    return null;
  }
  const length = ledgerOf(after, relay).records.length;
  const until = rules.initBeforeRead ? length : me.until;
  const rest = { kafka: after, ...spent };
  const what = n > me.n ? `T2 for ${n} relays` : 'T2';
  if (!rules.fenceFirst) turn.goto(what, { step: 'fence', until }, rest);
  else judges(turn, `${what}, T3`, { ...me, until }, rest);
  if (rules.readsToBarrier || !turn.can('staleReads')) return;
  for (let end = me.next; end < length; end += 1) {
    judges(turn, `T2, T3 up to ${end}`, { ...me, until: end }, { kafka: after, ...turn.spent('staleReads') });
  }
}

function judges(turn: Turn, what: string, me: Holder, rest: Partial<World>): void {
  const { world, relay, rules } = turn;
  const server = [world.pg, world.old].find((one) => one?.id === me.server);
  if (server == null || me.row === null) {
    turn.givesUp(`${what}: its server is gone`, rest);
    return;
  }
  const ledger = ledgerOf(rest.kafka ?? world.kafka, relay);
  const known = [server.id, ...server.ancestors];
  const verdict = judge(me.row, ledger, me.until, { origin: me.origin, known }, rules);
  if ('halt' in verdict) {
    turn.goto(`${what}: halts, ${verdict.halt}`, { ...me, step: 'halted' }, { ...rest, halted: verdict.halt });
    return;
  }
  if ('lost' in verdict) {
    turn.goto(`${what}: is an older copy`, { ...me, step: 'older', raisesTo: verdict.lost }, rest);
    return;
  }
  const n = Math.max(me.n, verdict.n);
  turn.goto(`${what}`, { ...me, step: 'apply', seq: verdict.seq, n, row: null }, rest);
}

/** An older copy raises its generation, and T0 again. */
function raises(turn: Turn): void {
  const { me, relay, rules } = turn;
  turn.ask(`raises its generation to ${me.raisesTo}`, (server) => {
    if (!mayWrite(server, relay, me, 'TakeOver', rules)) return null;
    const raised = takeFence(rules.generations ? raiseGeneration(server, me.raisesTo) : server, relay);
    const { timeline, generation, wal } = raised;
    const { fence, settledTo, mark, seq } = relayOf(raised, relay);
    const origin = { timeline, generation, wal };
    const row = { settledTo, mark, seq };
    return {
      server: raised,
      then: { ...IDLE, step: 'init', server: server.id, origin, n: server.n, fence, row, next: settledTo },
    };
  });
}

/** T4, chunk by chunk. */
function applies(turn: Turn): void {
  const { me, relay, kafka, rules } = turn;
  const isLast = me.next + 1 >= me.until;
  turn.ask(isLast ? 'T4, the last chunk' : 'T4, a chunk', (server) => {
    const after = applyNext(turn.scope, server, kafka, relay, me);
    if (after === null) return null;
    const next = Math.min(me.next + 1, me.until);
    if (!isLast) return { server: after, then: { next } };
    if (me.aside === 'now')
      return { server: after, then: { step: 'init', aside: 'done', next, row: rowOf(after, relay) } };
    return { server: after, then: { step: 'adopt', next: 0, until: 0 } };
  });
  if (!rules.adoptsAfterSettling && me.aside === 'no') {
    turn.ask('T5, before T4 is done', (server) => adopted(turn, server));
  }
}

function rowOf(server: Server, relay: number): Holder['row'] {
  const { settledTo, mark, seq } = relayOf(server, relay);
  return { settledTo, mark, seq };
}

/** T5. */
function adopts(turn: Turn): void {
  const { rules, me, relay, world } = turn;
  const home = world.old?.id === me.server ? world.old : world.pg;
  if (rules.adoptsRecovered && home.id === me.server && !allRecovered(home)) return;
  if (rules.adoptsInOne) turn.ask('T5', (server) => adopted(turn, server));
  else if (me.adopting === null) {
    turn.ask('T5, reads what it is to adopt', (server) => {
      const after = adopt(turn.scope, server, relay, me);
      return after === null ? null : { server, then: { adopting: ownedBy(after, relay, me.fence) } };
    });
  } else {
    const { adopting, fence } = me;
    turn.ask('T5, writes what it adopts', (server) => {
      const publishers = server.publishers.map((row, at) =>
        adopting.includes(at) ? { ...row, owner: { relay, fence } } : row,
      );
      return { server: { ...server, publishers }, then: { step: 'open', set: adopting, adopting: null } };
    });
  }
}

function adopted(turn: Turn, server: Server): { server: Server; then: Partial<Holder> } | null {
  const after = adopt(turn.scope, server, turn.relay, turn.me);
  const then: Partial<Holder> = { step: 'open', next: 0, until: 0, row: null };
  return after === null ? null : { server: after, then: { ...then, set: ownedBy(after, turn.relay, turn.me.fence) } };
}
