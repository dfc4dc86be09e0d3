/** A state machine that can be explored: plain immutable states, and what is promised of them. */
export interface Machine<W> {
  readonly name: string;
  readonly first: W;
  /** All that can happen next. */
  readonly successors: (world: W) => readonly Labelled<W>[];
  /** What is wrong with this step, whatever state it leads to; null = nothing. */
  readonly misstep: (before: W, after: W) => string | null;
  /** Which promise this state breaks; null = none. */
  readonly violation: (world: W) => string | null;
  /** What no healing can mend in this state; null = all of it can be mended. */
  readonly unhealed: (world: W) => string | null;
  /** Why it halted, where that is right. */
  readonly halted: (world: W) => string | null;
  readonly print: (world: W) => number;
}

export interface Labelled<W> {
  readonly label: string;
  readonly world: W;
}
