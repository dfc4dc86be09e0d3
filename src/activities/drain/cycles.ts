/** Publishers whose last turn is remembered; beyond it the one that was cut longest ago is forgotten. */
const REMEMBERED = 2_000;
/** What took longer was no wait for a turn: a pause, a halt, another worker. It would spoil the mean for everybody. */
const LONGEST_MS = 120_000;
/** How much of the mean a new cycle is. */
const NEW_PART = 1 / 16;
/** A turn is lengthened or shortened by no more than this: one slow take-over must not become a turn of a minute. */
const BOUNDS = { least: 0.33, most: 3 };
/** A turn that nobody waited for at first may have lasted many times its length; beyond this it was at nobody's cost and is not counted. */
const LONGEST_COUNTED = 1.5;

/** A turn: when it started and how long it was to last, ms. */
export interface TurnTime {
  readonly startedAt: number;
  readonly lengthMs: number;
}

interface Cut {
  readonly startedAt: number;
  /** What the turn fell short of its length; negative: by how much it went beyond. */
  readonly owedMs: number;
}

/**
 * How long the turns of this worker's publishers are, while each turn is cut because others wait.
 *
 * Turns as long as their weights share a worker by weight only if all come round equally often. With several turns at a time they do
 * not: who had the longer turn joins the queue later. 12 publishers with weights 1 and 3 on 4 turns shared 1 to 2.2 (a wait of 4 s and
 * a turn of 1 or 3: 1/5 and 3/7 of the time). So a turn is also as long as the cycle that led to it, beside the mean of all.
 *
 * And what a turn lasted too short or too long is made good by the next, as in deficit round robin (Shreedhar and Varghese, 1995). A turn
 * ends with a transaction, up to 0.1 s late, which is an eighth of a light publisher's turn and a fortieth of a heavy one's; the end of a
 * drain cuts a turn of 4 s once in four, one of 0.8 s once in twenty. Without it the same 12 shared 1 to 2.4.
 */
export class Cycles {
  private readonly cuts = new Map<string, Cut>();
  private mean: number | null = null;

  /** A turn of `publisher` starts, `now` in ms. Answers how long it is, ms, where it would be `usualMs` if all came round equally often. */
  started(publisher: string, usualMs: number, now: number): number {
    const before = this.cuts.get(publisher);
    this.cuts.delete(publisher);
    if (before === undefined) return usualMs;
    const cycle = Math.max(1, now - before.startedAt);
    if (cycle > LONGEST_MS) return usualMs;
    // The mean of those before it: with itself in it a cycle looks more usual than it is, which took 3 % from the heavy ones.
    const mean = this.mean ?? cycle;
    this.mean = mean + (cycle - mean) * NEW_PART;
    const length = (usualMs * cycle) / mean + before.owedMs;
    return Math.min(BOUNDS.most * usualMs, Math.max(BOUNDS.least * usualMs, length));
  }

  /** A turn was cut for others, `now` in ms. One that ends by itself starts no cycle and is owed nothing. */
  cut(publisher: string, turn: TurnTime, now: number): void {
    this.cuts.delete(publisher);
    const lasted = Math.min(now - turn.startedAt, turn.lengthMs * LONGEST_COUNTED);
    this.cuts.set(publisher, { startedAt: now - lasted, owedMs: turn.lengthMs - lasted });
    for (const oldest of this.cuts.keys()) {
      if (this.cuts.size <= REMEMBERED) break;
      this.cuts.delete(oldest);
    }
  }
}
