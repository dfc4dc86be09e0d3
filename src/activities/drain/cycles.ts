/** Publishers whose last turn is remembered; beyond it the one that was cut longest ago is forgotten. */
const REMEMBERED = 2_000;
/** What took longer was no wait for a turn: a pause, a halt, another worker. It would spoil the mean for everybody. */
const LONGEST_MS = 120_000;
/** How much of the mean a new cycle is. */
const NEW_PART = 1 / 16;
/** A turn is lengthened or shortened by no more than this: one slow take-over must not become a turn of a minute. */
const BOUNDS = { least: 0.33, most: 3 };

/**
 * How long it takes publishers of this worker from one turn to their next, while each turn is cut because others wait.
 *
 * Turns as long as their weights share a worker by weight only if all come round equally often. With several turns at a time they do
 * not: who had the longer turn joins the queue later. 12 publishers with weights 1 and 3 on 4 turns shared 1 to 2.2 (a wait of 4 s and
 * a turn of 1 or 3: 1/5 and 3/7 of the time). So a turn is also as long as the cycle that led to it, beside the mean of all.
 */
export class Cycles {
  private readonly cutAt = new Map<string, number>();
  private mean: number | null = null;

  /** A turn of `publisher` starts, `now` in ms. Answers by what its length is to be multiplied. */
  started(publisher: string, now: number): number {
    const before = this.cutAt.get(publisher);
    this.cutAt.delete(publisher);
    if (before === undefined) return 1;
    const cycle = Math.max(1, now - before);
    if (cycle > LONGEST_MS) return 1;
    this.mean = this.mean === null ? cycle : this.mean + (cycle - this.mean) * NEW_PART;
    return Math.min(BOUNDS.most, Math.max(BOUNDS.least, cycle / this.mean));
  }

  /** A turn that had started at `startedAt` (ms) was cut for others. One that ends by itself starts no cycle. */
  cut(publisher: string, startedAt: number): void {
    this.cutAt.delete(publisher);
    this.cutAt.set(publisher, startedAt);
    for (const oldest of this.cutAt.keys()) {
      if (this.cutAt.size <= REMEMBERED) break;
      this.cutAt.delete(oldest);
    }
  }
}
