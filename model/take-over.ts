import { reconcile } from '../src/domain/settlement';
import type { Settlement } from '../src/domain/settlement';
import { initProducer } from './kafka';
import { isHeld, itemOf, takeOver, unsettled } from './postgres';
import { settleOnceMore } from './settle';
import { RETENTION } from './scope';
import type { Turn } from './scope';
import { contradicted } from './endings';
import { FENCED, IDLE, failed } from './drain-state';
import { settledBy, tookOver } from './attempt';
import type { Batch, Item, LedgerRow } from './batch';
import type { Drain } from './drain-state';
import type { BatchRow, World } from './world';

/** D0 to D2, as src/activities/drain/take-over.ts has them. The first successor of a step is always the one without a fault. */
export function takeOverSteps(turn: Turn): void {
  const { me, world, rules } = turn;
  if (me.step === 'fence') {
    if (me.afterDoubt && !isHeld(world.pg, me, rules)) {
      turn.become('D0 finds a newer fence and stops', FENCED);
      return;
    }
    if (me.call?.givenUp === true && !me.afterDoubt && rules.lateStartsStop) {
      turn.become('does not begin: it was given up', IDLE);
      return;
    }
    const pg = takeOver(world.pg);
    const { fence, server, recorded, settled, settledAt } = pg;
    const row = { recorded, settled, settledAt };
    turn.goto(
      `D0 takes fence ${fence}`,
      { fence, server, row, epoch: 0, step: rules.ledgerAfterInit ? 'init' : 'ledger' },
      { pg },
    );
    if (turn.can('faults')) {
      turn.become(`D0 takes fence ${fence}, answer lost`, failed(me, 'failed'), { pg, ...turn.spent('faults') });
    }
  } else if (me.step === 'init') {
    const kafka = initProducer(world.kafka);
    turn.goto(`D0 InitProducerId, epoch ${kafka.epoch}`, { epoch: kafka.epoch, step: 'check' }, { kafka });
    if (turn.can('faults')) {
      const late = { ...world.kafka, late: [...world.kafka.late, { kind: 'init' as const }] };
      turn.become('D0 gives up on InitProducerId, which is still under way', failed(me, 'unreached'), {
        kafka: late,
        ...turn.spent('faults'),
      });
    }
  } else if (me.step === 'check') {
    const mine = isHeld(world.pg, me, rules) || !rules.recheckFence;
    if (!mine) turn.become('D1 finds a newer fence and stops', FENCED);
    else {
      const now = rules.clockAfterLedger ? 0 : world.now;
      turn.goto(rules.recheckFence ? 'D1 still holds the fence' : 'D1 does not check the fence', {
        now,
        step: rules.ledgerAfterInit ? 'ledger' : 'unsettled',
      });
    }
  } else if (me.step === 'ledger') {
    const { ledger } = world.kafka;
    const step = rules.ledgerAfterInit ? 'unsettled' : 'init';
    turn.goto(`D1 reads the ledger: ${said(ledger)}`, { ledger, step });
    if (ledger === null) return;
    for (const less of [null, ...before(ledger, world)]) {
      const what = `D1 reads the ledger from a coordinator that has not loaded everything: ${said(less)}`;
      if (turn.can('halfLoads')) turn.goto(what, { ledger: less, halfLoaded: true, step }, turn.spent('halfLoads'));
      if (turn.can('stuckLoads'))
        turn.goto(`${what}, and never will`, { ledger: less, stuck: true, step }, turn.spent('stuckLoads'));
    }
  } else if (me.step === 'unsettled') concludes(turn);
  else if (me.step === 'confirm') confirms(turn);
  else if (me.step === 'settle-old') settlesOld(turn);
}

function said(ledger: LedgerRow | null): string {
  return ledger === null ? 'nothing' : `batch ${ledger.seq} (b${ledger.batchId})`;
}

/**
 * The ledger as it was one batch before, where Postgres still knows that batch. After a fail-over it may have another one under that
 * number, which was never committed: no coordinator has ever loaded that.
 */
function before(ledger: LedgerRow, { pg, kafka }: World): LedgerRow[] {
  const named = pg.batches.find((batch) => batch.seq === ledger.seq - 1);
  const committed = named?.members.every((id) => kafka.log.some((logged) => logged.id === id));
  return named === undefined || committed !== true ? [] : [{ ...ledger, seq: named.seq, batchId: named.batchId }];
}

/** D1 and D2: the product's own decision over what this drain has read. */
function concludes(turn: Turn): void {
  const { me, world } = turn;
  const open = unsettled(world.pg);
  const verdict = decide(turn, open);
  const doubtful = verdict.kind === 'halt' || verdict.resend !== null;
  // Where the ledger was read in full, its log says the same: left out, for fewer states.
  if (doubtful && (me.halfLoaded || me.stuck) && turn.rules.readsLog) {
    // The barrier is a write under one's own epoch, and only after it is older ones' outcome in the log.
    if (me.epoch !== world.kafka.epoch) turn.become('D1 cannot write its barrier: newer epoch', failed(me, 'failed'));
    else {
      const { ledger } = world.kafka;
      turn.goto(`D1 reads the log: ${said(ledger)}`, { ledger, halfLoaded: false, stuck: false, step: 'unsettled' });
    }
    return;
  }
  // Without a half-loaded answer another look says the same: it is left out, for fewer states.
  if (verdict.kind === 'halt' && me.halfLoaded && turn.rules.looksAgain) {
    turn.goto(`D1 looks again: ${verdict.reason}`, { ledger: null, halfLoaded: false, step: 'ledger' });
    return;
  }
  if (verdict.kind === 'halt') {
    turn.become(`D1 sees a contradiction: ${verdict.reason}`, contradicted(me, verdict.reason));
    return;
  }
  const settle = verdict.settle.map(({ seq }) =>
    inMemory(
      open.find((batch) => batch.seq === seq),
      world,
    ),
  );
  const row = open.find((batch) => batch.seq === verdict.resend?.seq);
  const resend = row === undefined ? null : inMemory(row, world);
  // eventsByIds refuses a batch whose events are not stored: LEDGER_MISMATCH, as loud as a halt.
  if ([...settle, resend].includes('gone')) {
    turn.become('D2 misses events of a recorded batch', contradicted(me, 'events_missing'));
    return;
  }
  const settled = verdict.settle.at(-1)?.seq ?? me.row?.settled ?? 0;
  const drain: Drain = {
    ...me,
    ledger: null,
    row: null,
    now: 0,
    todo: settle as Batch[],
    resend: resend as Batch | null,
    clean: { recorded: me.row?.recorded ?? 0, settled },
  };
  const told = `D2 settles ${settle.length}, sends again ${resend === null ? 'nothing' : `batch ${(resend as Batch).seq}`}`;
  turn.become(told, settle.length > 0 ? { ...drain, step: 'settle-old' } : tookOver(turn, drain));
}

function confirms(turn: Turn): void {
  const { me, world, rules } = turn;
  if (rules.haltUnderFence && !isHeld(world.pg, me, rules))
    turn.become('finds a newer fence and does not halt', FENCED);
  else turn.become(`halts: ${me.contradiction}`, { ...IDLE, end: 'halted' }, { halted: me.contradiction });
}

function decide(turn: Turn, open: readonly BatchRow[]): Settlement {
  const { me, world, rules } = turn;
  const named = world.pg.batches.find((batch) => batch.seq === me.row?.settled);
  const read = me.row ?? { recorded: 0, settled: 0, settledAt: null };
  const settledAt = rules.expiryFromRecording ? (named?.recordedAt ?? read.settledAt) : read.settledAt;
  const row = { ...read, settledAt };
  const batches = open.map(({ seq, batchId, recordedAt }) => ({ seq, batchId: `b${batchId}`, recordedAt }));
  if (me.ledger === null && !rules.missingLedgerHalts) {
    return { kind: 'proceed', settle: [], resend: batches[0] ?? null };
  }
  const settledBatchId = named === undefined ? null : `b${named.batchId}`;
  const seq = me.ledger?.seq;
  const believed = batches.find((batch) => batch.seq === seq)?.batchId ?? settledBatchId ?? '';
  const ledger =
    me.ledger === null
      ? null
      : { seq: me.ledger.seq, batchId: rules.ledgerNamesBatch ? `b${me.ledger.batchId}` : believed };
  return reconcile({ ...row, settledBatchId }, batches, ledger, RETENTION, rules.clockAfterLedger ? world.now : me.now);
}

function settlesOld(turn: Turn): void {
  const [batch, ...todo] = turn.me.todo;
  if (batch === undefined) return;
  settleOnceMore(turn, batch, (answer) => {
    if (answer === 'inconsistent') return contradicted(turn.me, 'rows_inconsistent');
    if (answer !== 'ok') return answer === 'fenced' ? FENCED : failed(turn.me, 'failed');
    const me = { ...turn.me, call: settledBy(turn.me.call, batch) };
    return todo.length > 0 ? { ...me, todo } : tookOver(turn, { ...me, todo });
  });
}

function inMemory(row: BatchRow | undefined, world: World): Batch | 'gone' {
  const items: Item[] = [];
  for (const id of row?.members ?? []) {
    const item = itemOf(world.pg, id);
    if (item === null) return 'gone';
    items.push(item);
  }
  return row === undefined ? 'gone' : { seq: row.seq, batchId: row.batchId, items };
}
