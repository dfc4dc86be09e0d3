import { claims, records } from './claim';
import { contradicted, doubt, finish, names } from './endings';
import { commit, send, sendLateCommit } from './kafka';
import { recordBatch } from './postgres';
import { resends, withdraws } from './resend';
import type { Turn } from './scope';
import { settleOnceMore } from './settle';
import type { Batch } from './batch';
import type { Drain } from './drain-state';
import { FENCED } from './drain-state';
import { sentBy, settledBy } from './attempt';
import { reports } from './report';

/** D3 to D5, as publish-loop.ts and resend.ts have them. The first successor of a step is the one without a fault. */
export function publishSteps(turn: Turn): void {
  const { me } = turn;
  if (me.step === 'resend') resends(turn);
  else if (me.step === 'withdraw') withdraws(turn);
  else if (me.step === 'report') reports(turn);
  else if (me.step === 'claim') claims(turn, false);
  else if (me.step === 'record') records(turn);
  else if (me.step === 'send') sends(turn);
  else if (me.step === 'commit') commits(turn);
  else if (me.step === 'finish') finishes(turn);
  else if (me.step === 'quiesce' && me.settling !== null) {
    settleOnceMore(turn, me.settling, () => ({ ...me, step: 'fence', settling: null }));
  }
  if (me.step === 'send' || me.step === 'commit') alongside(turn);
}

function sends(turn: Turn): void {
  const { me, world } = turn;
  if (me.batch === null) return;
  const what = `sends batch ${me.batch.seq} (b${me.batch.batchId}) and its ledger`;
  const kafka = send(world.kafka, me.epoch, me.batch);
  if (kafka === null) {
    turn.become(`${what}: newer epoch`, doubt(turn, 'failed'));
    return;
  }
  turn.goto(what, { step: 'commit' }, { kafka });
  if (turn.can('faults'))
    turn.become(`${what}, answer lost`, doubt(turn, 'unreached'), { kafka, ...turn.spent('faults') });
  if (turn.can('shrinks')) turn.become(`${what}: too large`, doubt(turn, 'failed', true), turn.spent('shrinks'));
}

/** `beforeCommit` waits for the settle of the batch before. */
function commits(turn: Turn): void {
  const { me, world } = turn;
  if (me.batch === null || me.settling !== null) return;
  if (me.settleFailed !== 'no') {
    turn.become('does not commit: the settle failed', settleRefused(turn, me.settleFailed));
    return;
  }
  if (me.halfLoaded && turn.rules.confirmLedger) {
    turn.become('finds that the ledger says more than it was read as, and does not commit', doubt(turn, 'failed'));
    return;
  }
  const what = `commits batch ${me.batch.seq}`;
  const kafka = commit(world.kafka, me.epoch, world.now, turn.rules);
  if (kafka === null) turn.become(`${what}: newer epoch or no transaction`, doubt(turn, 'failed'));
  else turn.become(what, afterCommit(me), { kafka });
  if (turn.can('faults')) {
    const late = sendLateCommit(world.kafka, me.epoch);
    turn.become(`${what}, gives up on the answer`, doubt(turn, 'unreached'), { kafka: late, ...turn.spent('faults') });
  }
}

function afterCommit(me: Drain): Drain {
  const next: Drain = {
    ...me,
    batch: null,
    resend: null,
    halfLoaded: false,
    stuck: false,
    settling: me.batch,
    call: sentBy(me.call),
  };
  if (me.early !== null) return { ...next, step: 'send', batch: me.early, early: null };
  if (me.selection === null) return { ...next, step: 'claim' };
  if (me.selection.items.length > 0) return { ...next, step: 'record' };
  return finish({ ...next, selection: null }, 'claim');
}

/** What overlaps D4: the settle of the batch before, and the next claim. */
function alongside(turn: Turn): void {
  const { me, world } = turn;
  if (me.settling !== null) {
    const batch = me.settling;
    const { seq } = batch;
    settleOnceMore(turn, batch, (answer) => {
      const clean = me.clean === null || answer !== 'ok' ? me.clean : { ...me.clean, settled: seq };
      const call = answer === 'ok' ? settledBy(me.call, batch) : me.call;
      return { ...me, settling: null, settleFailed: answer === 'ok' ? 'no' : answer, clean, call };
    });
  }
  if (me.selection === null && me.resend === null && me.early === null) claims(turn, true);
  if (turn.rules.recordAfterLedger || me.selection === null || me.clean === null || me.early !== null) return;
  if (me.selection.items.length === 0) return;
  const seq = me.clean.recorded + 1;
  const batchId = world.minted + 1;
  const write = { held: me, seq, batchId, ...me.selection, now: world.now, grant: me.call?.grant ?? 0 };
  const written = recordBatch(world.pg, write, turn.rules);
  if (typeof written !== 'object') return;
  const early: Batch = { seq, batchId, items: me.selection.items };
  const what = `records batch ${seq} (b${batchId}) with ${names(early.items)} before the commit of ${seq - 1}`;
  turn.goto(what, { early, selection: null, clean: { ...me.clean, recorded: seq } }, { ...written, minted: batchId });
}

function settleRefused(turn: Turn, why: 'fenced' | 'failed' | 'inconsistent'): Drain {
  if (why === 'fenced') return FENCED;
  return why === 'failed' ? doubt(turn, 'failed') : contradicted(turn.me, 'rows_inconsistent');
}

function finishes(turn: Turn): void {
  const { me } = turn;
  if (me.settling === null) return;
  const batch = me.settling;
  const { seq } = batch;
  settleOnceMore(turn, batch, (answer) => {
    if (answer !== 'ok') return settleRefused(turn, answer);
    const clean = me.clean === null ? null : { ...me.clean, settled: seq };
    return finish({ ...me, settling: null, clean, call: settledBy(me.call, batch) }, me.then, me.end);
  });
}
