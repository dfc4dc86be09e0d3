import type { Machine } from './machine';

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
  /** Why it halted, in states where that was right. */
  readonly halts: readonly string[];
  readonly seconds: number;
  readonly found: readonly Finding[];
}

export interface Finding {
  readonly broken: string;
  readonly trace: readonly string[];
}

/**
 * Breadth first from the first state, every state once. Stops at the first broken promise, whose trace is then a shortest
 * one. Only fingerprints of old states are kept; a trace is found again by walking along them.
 */
export function exploreMachine<W>(machine: Machine<W>, limits: Limits): Exploration {
  const begun = performance.now();
  const { first } = machine;
  const parents = new Map<number, number>([[machine.print(first), -1]]);
  const found = new Map<string, Finding>();
  const halts = new Set<string>();
  let level: W[] = [first];
  let transitions = 0;
  let depth = 0;
  const result = (complete: boolean): Exploration => {
    const seconds = (performance.now() - begun) / 1000;
    return {
      scope: machine.name,
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
    const next: W[] = [];
    for (const world of level) {
      const parent = machine.print(world);
      for (const { label, world: after } of machine.successors(world)) {
        transitions += 1;
        const print = machine.print(after);
        // Of each step, also of one into a state that was seen: it is the step that is wrong.
        const wrong = machine.misstep(world, after);
        if (wrong === null && parents.has(print)) continue;
        if (!parents.has(print)) parents.set(print, parent);
        const broken = wrong ?? machine.violation(after) ?? (limits.heal === false ? null : machine.unhealed(after));
        const halt = machine.halted(after);
        if (halt !== null && broken === null) halts.add(halt);
        if (broken === null) next.push(after);
        else {
          const kind = broken.replace(/\d+/g, 'n');
          if (!found.has(kind)) found.set(kind, { broken, trace: [...traceTo(machine, parent, parents), label] });
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
function traceTo<W>(machine: Machine<W>, last: number, parents: ReadonlyMap<number, number>): string[] {
  const way: number[] = [];
  for (let print = last; print !== -1; print = parents.get(print) ?? -1) way.unshift(print);
  let world = machine.first;
  return way.slice(1).map((print) => {
    const step = machine.successors(world).find((next) => machine.print(next.world) === print);
    if (step === undefined) throw new Error('a trace cannot be followed: two states share a fingerprint');
    world = step.world;
    return step.label;
  });
}
