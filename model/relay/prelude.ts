import { NOTHING } from './budget';
import { membershipSteps } from './membership';
import { successors } from './successors';
import { firstWorld } from './scope';
import type { Scope } from './scope';
import { takeOverSteps } from './take-over';
import { Turn } from './turn';
import type { Next, World } from './world';

/** The first state: the holders of `scope.open` have taken their relays over, and the first has all publishers. */
export function begun(scope: Scope): World {
  let world: World = { ...firstWorld(scope), left: { ...NOTHING, runs: scope.open.length } };
  for (const last of ['adopt', 'open'] as const) {
    for (const who of scope.open) {
      while (world.holders[who]?.step !== last) world = follow(scope, world, who, takeOverSteps, () => true);
    }
  }
  const [first] = scope.open;
  for (let publisher = 0; first !== undefined && publisher < scope.publishers; publisher += 1) {
    world = follow(scope, world, first, membershipSteps, ({ label }) => label.endsWith(`attaches P${publisher}`));
  }
  world = { ...world, left: scope.budget };
  for (const label of scope.already) {
    const next = successors(scope, world).find((one) => one.label.endsWith(label));
    if (next === undefined) throw new Error(`scope ${scope.name}: "${label}" cannot happen`);
    ({ world } = next);
  }
  return world;
}

function follow(
  scope: Scope,
  world: World,
  who: number,
  steps: (turn: Turn) => void,
  wanted: (next: Next) => boolean,
): World {
  const turn = new Turn(scope, world, who);
  steps(turn);
  const next = turn.nexts.find(wanted);
  if (next === undefined) throw new Error(`scope ${scope.name}: its beginning cannot be reached`);
  return next.world;
}
