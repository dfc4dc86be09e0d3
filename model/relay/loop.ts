import { answered, claim } from './claims';
import { endTransaction, isBusy, ledgerOf, produce, producerOf, withLate } from './kafka';
import type { Markers } from './kafka';
import { park, settle } from './statements';
import type { Turn } from './turn';
import type { Batch, Item, Record, Sent } from './world';

/** P1 to P3 of one holder: claim, one transaction, settle; the claim of the next runs beside the transaction. */
export function loopSteps(turn: Turn): void {
  const { step, repeated, settling } = turn.me;
  if (step !== 'open') return;
  settles(turn);
  if (turn.me.raising !== null) return;
  if (turn.me.culprit !== null) parks(turn);
  else if (turn.me.sending !== null) ends(turn);
  else if (repeated && turn.rules.freshAfterRepeat) {
    if (settling.length === 0) turn.givesUp('gives up an epoch in which EndTxn was repeated');
    return;
  } else sends(turn);
  claims(turn);
}

function claims(turn: Turn): void {
  const { me, relay, scope } = turn;
  if (me.claim !== null) {
    if (me.prepared !== null) return;
    const items = answered(scope, me);
    turn.goto(`P1: has ${named(items)}`, { claim: null, prepared: items.length === 0 ? null : items });
  } else if (me.prepared === null && me.culprit === null && me.set.length > 0) {
    turn.ask('P1: claims', (server) => {
      const items = claim(scope, server, relay, me);
      return items === null ? null : { server, then: { claim: items.length === 0 ? null : { items } } };
    });
  }
}

/** P2: all Produce requests of one transaction, the ledger record among them. */
function sends(turn: Turn): void {
  const { me, relay, kafka, rules, scope } = turn;
  if (me.prepared === null || me.settling.length > 1 || isBusy(kafka, relay)) return;
  const batch: Batch = { seq: me.seq + 1, items: me.prepared };
  const record: Record = { kind: 'batch', fence: me.fence, seq: batch.seq, members: batch.items };
  const what = `P2: sends ${named(batch.items)}`;
  const sending = { ...batch, end: 'open' as const };
  const all = produce(kafka, relay, me.epoch, batch.items, [record]);
  if (all === null) {
    turn.givesUp(`${what}: fenced in Kafka`);
    return;
  }
  turn.goto(what, { prepared: null, sending }, { kafka: all });
  if (!turn.can('lateProduces')) return;
  const late = { relay, epoch: me.epoch };
  const begun = produce(kafka, relay, me.epoch, [], []) ?? kafka;
  const noRecord = produce(kafka, relay, me.epoch, batch.items, []) ?? kafka;
  const noData = produce(kafka, relay, me.epoch, [], [record]) ?? kafka;
  const data = { kind: 'data', ...late, items: batch.items } as const;
  const rest = { kind: 'record', ...late, record } as const;
  const spent = turn.spent('lateProduces');
  for (const [how, after] of [
    ['the record is late', withLate(noRecord, rest)],
    ['the data is late', withLate(noData, data)],
    ['both are late', withLate(begun, data, rest)],
  ] as const) {
    const label = `${what}, no answer: ${how}`;
    turn.goto(label, { step: 'retired', prepared: null, claim: null, sending: null }, { kafka: after, ...spent });
    if (!rules.allAcknowledged) turn.goto(`${label}; commits`, { prepared: null, sending }, { kafka: after, ...spent });
    if (rules.epochEnds) continue;
    const aborted = endTransaction(after, relay, me.epoch, 'abort') ?? after;
    turn.goto(`${label}; aborts`, { prepared: null, claim: null }, { kafka: aborted, ...spent });
  }
  void scope;
}

/** EndTxn, or what comes instead. */
function ends(turn: Turn): void {
  const { me, relay, kafka, rules } = turn;
  const { sending } = me;
  if (sending === null) return;
  const at = ledgerOf(kafka, relay).records.length;
  if (sending.end === 'unsure') {
    repeats(turn, sending);
    if (!rules.unsureStays) turn.goto('retires', { step: 'retired', sending: null, prepared: null, claim: null });
    return;
  }
  const commit = (markers: Markers): ReturnType<typeof endTransaction> =>
    endTransaction(kafka, relay, me.epoch, 'commit', markers);
  const done = commit('written');
  const what = `EndTxn(commit) of ${sending.seq}`;
  if (done === null) {
    turn.givesUp(`${what}: refused`);
    return;
  }
  turn.goto(what, committed(turn, sending, at), { kafka: done });
  if (turn.can('hangs')) {
    for (const markers of ['none', 'ledger'] as const) {
      const after = commit(markers);
      const label = `${what}, its markers hang (${markers} written)`;
      if (after !== null) turn.goto(label, committed(turn, sending, at), { kafka: after, ...turn.spent('hangs') });
    }
  }
  if (turn.can('repeats')) {
    const late = withLate(kafka, { kind: 'commit', relay, epoch: me.epoch });
    turn.goto(
      `${what}, no answer`,
      { sending: { ...sending, end: 'unsure' } },
      { kafka: late, ...turn.spent('repeats') },
    );
  }
  if (turn.can('refusals')) refused(turn, sending);
}

/** A record was refused, and all answers are there. */
function refused(turn: Turn, sending: Batch): void {
  const { me, relay, kafka, rules } = turn;
  const after = endTransaction(kafka, relay, me.epoch, 'abort');
  if (after === null) return;
  const rest = { kafka: after, ...turn.spent('refusals') };
  const prepared = rules.dropsPrepared ? null : me.prepared;
  const claim = rules.dropsRunning ? null : me.claim;
  const seq = rules.seqAgain ? me.seq : sending.seq;
  const culprit = sending.items.find(({ copy }) => copy === 0) ?? null;
  const what = `EndTxn(abort) of ${sending.seq}`;
  turn.goto(
    `${what}: ${named(culprit === null ? [] : [culprit])} is refused`,
    { sending: null, prepared, claim, seq, culprit },
    rest,
  );
  turn.goto(`${what}: a topic is refused`, { sending: null, prepared, claim, seq }, rest);
}

/** Only EndTxn may be sent again in its epoch: it says what became of the first. */
function repeats(turn: Turn, sending: Batch): void {
  const { me, relay, kafka } = turn;
  const { records } = ledgerOf(kafka, relay);
  const found = records.findIndex((one) => one.kind === 'batch' && one.fence === me.fence && one.seq === sending.seq);
  const what = `EndTxn(commit) of ${sending.seq} again`;
  if (producerOf(kafka, relay).epoch === me.epoch && found >= 0) {
    turn.goto(`${what}: it was done`, { ...committed(turn, sending, found), repeated: true });
    return;
  }
  const after = endTransaction(kafka, relay, me.epoch, 'commit');
  if (after === null) turn.givesUp(`${what}: refused`);
  else turn.goto(what, { ...committed(turn, sending, records.length), repeated: true }, { kafka: after });
}

function committed({ me }: Turn, { seq, items }: Batch, at: number): { sending: null; seq: number; settling: Sent[] } {
  return { sending: null, seq, settling: [...me.settling, { seq, items, at }] };
}

/** P3. */
export function settles(turn: Turn): void {
  const { me, relay, kafka, scope, rules } = turn;
  for (const [index, sent] of me.settling.entries()) {
    if (index > 0 && rules.settlesInOrder) break;
    const then = { settling: me.settling.filter((other) => other !== sent) };
    const statement = (server: Parameters<typeof settle>[1]): ReturnType<Parameters<Turn['ask']>[1]> => {
      const after = settle(scope, server, ledgerOf(kafka, relay).made, relay, me, sent);
      return after === null ? null : { server: after, then };
    };
    turn.ask(`P3: settles ${sent.seq}`, statement);
    if (!rules.unknownSettle) turn.loses(`P3: settles ${sent.seq}`, statement, then);
  }
}

function parks(turn: Turn): void {
  turn.ask('parks what was refused', (server) => {
    const after = park(turn.scope, server, turn.relay, turn.me);
    return after === null ? null : { server: after, then: { culprit: null } };
  });
}

export function named(items: readonly Item[]): string {
  return items
    .map(({ id, version, copy }) => `e${id}${version > 1 ? `v${version}` : ''}${copy === 1 ? 'r' : ''}`)
    .join(' ');
}
