import { contradicted, doubt, names } from './endings';
import { recordAnew, withoutHeld } from './postgres';
import type { Turn } from './scope';
import type { Item } from './batch';
import type { Drain } from './drain-state';
import { IDLE } from './drain-state';

export function resends(turn: Turn): void {
  const { me, world } = turn;
  const stored = me.resend;
  if (stored === null || me.clean === null) return;
  if (!me.refused) turn.goto(`sends batch ${stored.seq} again exactly`, { step: 'send', batch: stored });
  if (!me.refused && !turn.can('shrinks')) return;
  if (me.halfLoaded && turn.rules.confirmLedger) {
    turn.become('finds that the ledger says more than it was read as, and does not record anew', doubt(turn));
    return;
  }
  const [first] = stored.items;
  const half = stored.items.slice(0, Math.ceil(stored.items.length / 2));
  const ways: { kept: readonly Item[]; parked: readonly Item[] }[] = [];
  if (half.length < stored.items.length) ways.push({ kept: half, parked: [] });
  if (first !== undefined) {
    ways.push({ kept: withoutHeld(world.pg, stored.items, first, turn.rules), parked: [first] });
  }
  for (const { kept, parked } of ways) {
    const batchId = world.minted + 1;
    const { seq } = stored;
    const write = { held: me, seq, oldBatchId: stored.batchId, batchId, kept, parked, now: world.now };
    const written = recordAnew(world.pg, write, turn.rules);
    const what = `records batch ${seq} anew as b${batchId} with ${names(kept)}, parks ${names(parked)}`;
    const cost = me.refused ? {} : turn.spent('shrinks');
    if (typeof written !== 'object') {
      turn.become(`${what}: ${written}`, written === 'fenced' ? IDLE : contradicted(me, 'rows_inconsistent'));
      continue;
    }
    const change = { ...written, minted: batchId, ...cost };
    const batch = { seq, batchId, items: kept };
    const going: Drain = { ...me, refused: false };
    if (kept.length > 0) turn.become(what, { ...going, step: 'send', batch, resend: batch }, change);
    else {
      const clean = { ...me.clean, recorded: seq - 1 };
      turn.become(what, { ...going, step: 'claim', resend: null, clean }, change);
    }
  }
}
