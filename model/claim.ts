import { contradicted, doubt, finish, names } from './endings';
import { parkEvents } from './parking';
import { recordBatch, selectPending, withoutHeld } from './postgres';
import type { Turn } from './scope';
import type { Batch, Item } from './batch';
import type { Drain } from './drain-state';
import { FENCED, failed } from './drain-state';
import { remaining } from './call';
import { recordedBy } from './attempt';

export function claims(turn: Turn, ahead: boolean): void {
  const { me, world, scope } = turn;
  const left = me.call === null ? scope.batch : remaining(me.call);
  if (left === 0) {
    if (!ahead) turn.become('has used its grant', finish({ ...me, selection: null }, 'end', 'granted'));
    return;
  }
  const items = selectPending(world.pg, Math.min(scope.batch, left), turn.rules);
  const { revision } = world.pg;
  const what = `claims ${names(items)}`;
  if (ahead) turn.goto(`${what} ahead`, { selection: { revision, items, ahead } });
  else if (items.length > 0) turn.goto(what, { step: 'record', selection: { revision, items, ahead } });
  else turn.become(what, finish({ ...me, selection: null }, 'end', 'empty'));
}

export function records(turn: Turn): void {
  const { me, world } = turn;
  const { selection, clean } = me;
  if (selection === null || clean === null) return;
  const seq = clean.recorded + 1;
  const batchId = world.minted + 1;
  const write = { held: me, seq, batchId, ...selection, now: world.now, grant: me.call?.grant ?? 0 };
  const written = recordBatch(world.pg, write, turn.rules);
  const what = `records batch ${seq} (b${batchId}) with ${names(selection.items)}`;
  if (written === 'revision') turn.goto(`${what}: revision changed`, { step: 'claim', selection: null });
  else if (written === 'fenced') turn.become(`${what}: fenced`, FENCED);
  else if (written === 'paused') turn.become(`${what}: paused`, finish({ ...me, selection: null }, 'end', 'paused'));
  else if (typeof written !== 'object') turn.become(`${what}: ${written}`, contradicted(me, 'rows_inconsistent'));
  else {
    const batch: Batch = { seq: written.pg.recorded, batchId, items: selection.items };
    const done = { ...clean, recorded: batch.seq };
    const call = recordedBy(me.call, batch);
    turn.goto(what, { step: 'send', batch, selection: null, clean: done, call }, { ...written, minted: batchId });
    if (turn.can('faults')) {
      turn.become(`${what}, answer lost`, doubt(turn, 'failed'), {
        ...written,
        minted: batchId,
        ...turn.spent('faults'),
      });
    }
  }
  turn.become(
    me.call === null ? 'has used its grant' : 'has used its time',
    finish({ ...me, selection: null }, 'end', 'time'),
  );
  if (turn.can('shrinks')) parks(turn, selection.items[0]);
}

/** screen.ts: an event of the selection can never be sent. */
function parks(turn: Turn, poison: Item | undefined): void {
  const { me, world } = turn;
  if (poison === undefined || me.selection === null) return;
  const { revision, items, ahead } = me.selection;
  const written = parkEvents(world.pg, { held: me, revision, parked: [poison] }, turn.rules);
  const what = `parks ${names([poison])}`;
  if (written === 'revision') turn.goto(`${what}: revision changed`, { step: 'claim', selection: null });
  else if (typeof written !== 'object')
    turn.become(`${what}: ${written}`, written === 'fenced' ? FENCED : failed(me, 'failed'));
  else {
    const left = withoutHeld(world.pg, items, poison, turn.rules);
    const selection = { revision: written.pg.revision, items: left, ahead };
    const next: Partial<Drain> = left.length > 0 ? { selection } : { step: 'claim', selection: null };
    turn.goto(what, next, { ...written, ...turn.spent('shrinks') });
  }
}
