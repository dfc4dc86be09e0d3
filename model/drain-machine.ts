import { misstep } from './control-invariants';
import { drainSteps } from './drain';
import { environmentSteps } from './environment';
import { exploreMachine } from './explore';
import type { Exploration, Limits } from './explore';
import { Fingerprints } from './fingerprint';
import { Healer } from './heal';
import { violation } from './invariants';
import type { Machine } from './machine';
import { firstWorld } from './scope';
import type { Scope } from './scope';
import { controlSteps } from './workflow';
import type { Next, World } from './world';

/** All that can happen next, in any order of drains, writers, operators, brokers and time. */
export function successors(scope: Scope, world: World): Next[] {
  return [
    ...drainSteps(scope, world, 0),
    ...drainSteps(scope, world, 1),
    ...environmentSteps(scope, world),
    ...controlSteps(scope, world),
  ];
}

/** The first engine: one publisher with drains of its own. */
export function drainMachine(scope: Scope): Machine<World> {
  const prints = new Fingerprints();
  const healer = new Healer(scope, prints);
  return {
    name: scope.name,
    first: firstWorld(scope),
    successors: (world) => successors(scope, world),
    misstep,
    violation: (world) => violation(scope, world),
    unhealed: (world) => healer.faultOf(world),
    halted: (world) => world.halted,
    print: (world) => prints.of(world),
  };
}

export function explore(scope: Scope, limits: Limits): Exploration {
  return exploreMachine(drainMachine(scope), limits);
}
