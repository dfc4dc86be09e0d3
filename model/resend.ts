import { contradicted, doubt, ended, names } from './endings';
import { recordAnew } from './parking';
import { withoutHeld } from './postgres';
import type { Turn } from './scope';
import type { Batch, Item } from './batch';
import type { World } from './world';
import type { Drain } from './drain-state';
import { FENCED } from './drain-state';
import { allowedLength, recordedAnewBy } from './attempt';

export function resends(turn: Turn): void {
  const { me, world } = turn;
  const stored = me.resend;
  if (stored === null || me.clean === null) return;
  const fits = allowedLength(me.call, stored.items.length, turn.rules);
  if (!me.refused && fits < stored.items.length) {
    recordsAnew(turn, stored, { kept: stored.items.slice(0, fits), parked: [] }, {});
    return;
  }
  if (!me.refused) turn.goto(`sends batch ${stored.seq} again exactly`, { step: 'send', batch: stored });
  if (!me.refused && !turn.can('shrinks')) return;
  if (me.halfLoaded && turn.rules.confirmLedger) {
    turn.become('finds that the ledger says more than it was read as, and does not record anew', doubt(turn, 'failed'));
    return;
  }
  const [first] = stored.items;
  const half = stored.items.slice(0, Math.ceil(stored.items.length / 2));
  const ways: Rest[] = [];
  if (half.length < stored.items.length) ways.push({ kept: half, parked: [] });
  if (first !== undefined) {
    ways.push({ kept: withoutHeld(world.pg, stored.items, first, turn.rules), parked: [first] });
  }
  for (const rest of ways) recordsAnew(turn, stored, rest, me.refused ? {} : turn.spent('shrinks'));
}

/** withdrawBatch: for a publisher that may send nothing now. */
export function withdraws(turn: Turn): void {
  const { resend } = turn.me;
  if (resend !== null) recordsAnew(turn, resend, { kept: [], parked: [] }, {});
}

interface Rest {
  readonly kept: readonly Item[];
  readonly parked: readonly Item[];
}

/** Less of a batch under the same seq, or nothing of it. */
function recordsAnew(turn: Turn, stored: Batch, { kept, parked }: Rest, cost: Partial<World>): void {
  const { me, world } = turn;
  if (me.clean === null) return;
  const batchId = world.minted + 1;
  const { seq } = stored;
  const grant = me.call?.grant ?? 0;
  const write = { held: me, seq, oldBatchId: stored.batchId, batchId, kept, parked, now: world.now, grant };
  const written = recordAnew(world.pg, write, turn.rules);
  const what = `records batch ${seq} anew as b${batchId} with ${names(kept)}, parks ${names(parked)}`;
  if (typeof written !== 'object') {
    turn.become(`${what}: ${written}`, written === 'fenced' ? FENCED : contradicted(me, 'rows_inconsistent'));
    return;
  }
  const change = { ...written, minted: batchId, ...cost };
  const batch = { seq, batchId, items: kept };
  const call = recordedAnewBy(me.call, stored, kept, world.pg);
  const going: Drain = { ...me, refused: false, call };
  const clean = { ...me.clean, recorded: kept.length > 0 ? me.clean.recorded : seq - 1 };
  if (me.step === 'withdraw') turn.become(what, ended({ ...going, resend: null, clean }), change);
  else if (kept.length > 0) turn.become(what, { ...going, step: 'send', batch, resend: batch }, change);
  else turn.become(what, { ...going, step: 'claim', resend: null, clean }, change);
}
