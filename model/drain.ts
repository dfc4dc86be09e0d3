import { isHeld } from './postgres';
import { startsCall } from './attempt';
import { publishSteps } from './publish';
import { takeOverSteps } from './take-over';
import { Turn } from './scope';
import type { Scope } from './scope';
import type { Next, World } from './world';
import { IDLE } from './drain-state';

/**
 * What drain `who` can do next. A frozen drain is one that does nothing for a while: as every interleaving is explored,
 * each drain is also frozen at each step and thawed later. The first successor is the one without a fault.
 */
export function drainSteps(scope: Scope, world: World, who: 0 | 1): Next[] {
  const turn = new Turn(scope, world, who);
  if (turn.me.step === 'idle') {
    if (turn.can('runs') && world.halted === null) starts(turn);
    return turn.nexts;
  }
  takeOverSteps(turn);
  publishSteps(turn);
  turn.dies();
  return turn.nexts;
}

/** D0–D2 are skipped only if the worker's last drain ended cleanly and the row still says so. */
function starts(turn: Turn): void {
  const { me, world } = turn;
  const { pg } = world;
  const clean =
    me.clean !== null &&
    isHeld(pg, me, turn.rules) &&
    pg.recorded === me.clean.recorded &&
    pg.settled === me.clean.settled;
  if (world.control !== null) startsCall(turn, world.control, clean);
  else if (clean) turn.goto('starts with its clean session', { step: 'claim' }, turn.spent('runs'));
  else turn.become('starts', { ...IDLE, step: 'fence' }, turn.spent('runs'));
}
