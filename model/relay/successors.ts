import { environmentSteps } from './environment';
import { loopSteps } from './loop';
import { membershipSteps } from './membership';
import type { Scope } from './scope';
import { takeOverSteps } from './take-over';
import { Turn } from './turn';
import type { Next, World } from './world';

/** All that can happen next, in any order of holders, writers, operators, brokers and servers. */
export function successors(scope: Scope, world: World): Next[] {
  return [...scope.holders.flatMap((_, who) => holderSteps(scope, world, who)), ...environmentSteps(scope, world)];
}

export function holderSteps(scope: Scope, world: World, who: number): Next[] {
  const turn = new Turn(scope, world, who);
  takeOverSteps(turn);
  loopSteps(turn);
  membershipSteps(turn);
  return turn.nexts;
}
