import { settleBatch } from './postgres';
import type { Turn } from './scope';
import type { Batch } from './batch';
import type { Drain } from './drain-state';

export type SettleAnswer = 'ok' | 'fenced' | 'failed' | 'inconsistent';

/** D5 as one statement: done, refused, or done with its answer lost. `goOn` says what the drain is after each answer. */
export function settleOnceMore(turn: Turn, batch: Batch, goOn: (answer: SettleAnswer) => Drain): void {
  const { world, me } = turn;
  const written = settleBatch(world.pg, { ...batch, held: me, now: world.now }, turn.rules);
  const what = `settles batch ${batch.seq}`;
  if (typeof written !== 'object') {
    if (written === 'already') turn.become(`${what}: it is settled already`, goOn('ok'));
    else turn.become(`${what}: ${written}`, goOn(written === 'fenced' ? 'fenced' : 'inconsistent'));
    return;
  }
  turn.become(what, goOn('ok'), written);
  if (turn.can('faults')) turn.become(`${what}, answer lost`, goOn('failed'), { ...written, ...turn.spent('faults') });
}
