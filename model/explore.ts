import { drainSteps } from './drain';
import { environmentSteps } from './environment';
import { Fingerprints } from './fingerprint';
import { Healer } from './heal';
import { misstep } from './control-invariants';
import { violation } from './invariants';
import { controlSteps } from './workflow';
import { firstWorld } from './scope';
import type { Scope } from './scope';
import type { Next, World } from './world';

export interface Limits {
  readonly depth: number;
  readonly states: number;
  /** Goes on after a broken promise, around that state, and collects one trace of each kind. */
  readonly all?: boolean;
  /** False = states are not healed: a fault must then show in the trace itself. */
  readonly heal?: boolean;
}

export interface Exploration {
  readonly scope: string;
  readonly states: number;
  readonly transitions: number;
  /** Length of the longest of all shortest ways that were followed. */
  readonly depth: number;
  /** True if no state was left unexplored: the scope is explored wholly, not only to a depth. */
  readonly complete: boolean;
  /** Why drains halted, in states where that was right. */
  readonly halts: readonly string[];
  readonly seconds: number;
  readonly found: readonly Finding[];
}

export interface Finding {
  readonly broken: string;
  readonly trace: readonly string[];
}

/** All that can happen next, in any order of drains, writers, operators, brokers and time. */
export function successors(scope: Scope, world: World): Next[] {
  return [
    ...drainSteps(scope, world, 0),
    ...drainSteps(scope, world, 1),
    ...environmentSteps(scope, world),
    ...controlSteps(scope, world),
  ];
}

/**
 * Breadth first from the first state, every state once. Stops at the first broken promise, whose trace is then a shortest
 * one. Only fingerprints of old states are kept; a trace is found again by walking along them.
 */
export function explore(scope: Scope, limits: Limits): Exploration {
  const begun = performance.now();
  const prints = new Fingerprints();
  const healer = new Healer(scope, prints);
  const first = firstWorld(scope);
  const parents = new Map<number, number>([[prints.of(first), -1]]);
  const found = new Map<string, Finding>();
  const halts = new Set<string>();
  let level: World[] = [first];
  let transitions = 0;
  let depth = 0;
  const result = (complete: boolean): Exploration => {
    const seconds = (performance.now() - begun) / 1000;
    return {
      scope: scope.name,
      states: parents.size,
      transitions,
      depth,
      complete,
      halts: [...halts].sort(),
      seconds,
      found: [...found.values()],
    };
  };
  while (level.length > 0) {
    if (depth >= limits.depth) return result(false);
    const next: World[] = [];
    for (const world of level) {
      const parent = prints.of(world);
      for (const { label, world: after } of successors(scope, world)) {
        transitions += 1;
        const print = prints.of(after);
        // Of each step, also of one into a state that was seen: it is the step that is wrong.
        const wrong = misstep(world, after);
        if (wrong === null && parents.has(print)) continue;
        if (!parents.has(print)) parents.set(print, parent);
        const broken = wrong ?? violation(scope, after) ?? (limits.heal === false ? null : healer.faultOf(after));
        if (after.halted !== null && broken === null) halts.add(after.halted);
        if (broken === null) next.push(after);
        else {
          const kind = broken.replace(/\d+/g, 'n');
          if (!found.has(kind)) found.set(kind, { broken, trace: [...traceTo(scope, parent, parents, prints), label] });
          if (limits.all !== true) return result(false);
        }
        if (parents.size >= limits.states) return result(false);
      }
    }
    if (next.length > 0) depth += 1;
    level = next;
  }
  return result(true);
}

/** The labels from the first state to the one with this fingerprint. */
function traceTo(scope: Scope, last: number, parents: ReadonlyMap<number, number>, prints: Fingerprints): string[] {
  const way: number[] = [];
  for (let print = last; print !== -1; print = parents.get(print) ?? -1) way.unshift(print);
  let world = firstWorld(scope);
  return way.slice(1).map((print) => {
    const step = successors(scope, world).find((next) => prints.of(next.world) === print);
    if (step === undefined) throw new Error('a trace cannot be followed: two states share a fingerprint');
    world = step.world;
    return step.label;
  });
}
