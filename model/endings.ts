import type { Turn } from './scope';
import type { Item } from './batch';
import type { Drain } from './drain-state';
import { IDLE } from './drain-state';
import type { Ending } from './call';

/**
 * Any failure after D2: throw the producer away and start from D0, after the settle under way has ended. `end`: how the drain ends if
 * the batch is still to be sent then.
 */
export function doubt(turn: Turn, end: Ending, refused = false): Drain {
  const { me, rules } = turn;
  const underWay = (me.step === 'send' || me.step === 'commit') && me.settling !== null;
  const begin: Drain = { ...IDLE, step: 'fence', fence: me.fence, server: me.server, afterDoubt: true, refused, end };
  if (!rules.newEpochOnDoubt && me.step === 'commit' && me.clean !== null) {
    const { recorded, settled } = me.clean;
    const row = { recorded, settled, settledAt: turn.world.pg.settledAt };
    return { ...begin, step: 'check', epoch: me.epoch, row };
  }
  return underWay ? { ...begin, step: 'quiesce', settling: me.settling } : begin;
}

/** Row, batches or ledger contradict what this drain knows: it halts, if it still holds the fence. */
export function contradicted({ fence, server }: Drain, contradiction: string): Drain {
  return { ...IDLE, step: 'confirm', fence, server, contradiction, end: 'halted' };
}

export function finish(me: Drain, then: Drain['then'], end: Ending | null = null): Drain {
  if (me.settling !== null) return { ...me, step: 'finish', then, end };
  return then === 'claim' ? { ...me, step: 'claim' } : ended({ ...me, end });
}

/** The worker keeps the producer and what it knows; anything but a clean state is thrown away. */
export function ended(me: Drain): Drain {
  const { fence, server, epoch, clean, halfLoaded, stuck, end } = me;
  if (clean === null || clean.recorded !== clean.settled) return { ...IDLE, end };
  return { ...IDLE, end, fence, server, epoch, clean, halfLoaded, stuck };
}

export function names(items: readonly Item[]): string {
  const name = (item: Item): string =>
    `e${item.id}${item.version > 1 ? `v${item.version}` : ''}${item.copy > 0 ? `r${item.copy}` : ''}`;
  return items.length === 0 ? 'nothing' : items.map(name).join(' ');
}
