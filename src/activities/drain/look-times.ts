/** How much of the mean a new look is. */
const NEW_PART = 1 / 16;
/** The quickest look is forgotten this slowly, by a factor e in 2,000 looks: a database that has become farther away is no load. */
const FORGETTING = 1.0005;
/** Alone a mean look takes 1.6 times as long as the quickest. */
const USUAL = 2;
/**
 * The longest rest, in times of the work before it, beside a drain that does one step at a time. With 0, 0.5 and 1 the p50 of 50 others was 54,
 * 23 to 29 and 17 to 25 ms, and the backlog took 8, 13 to 19 and 19 to 35 s; with 2 it took 41 s, p50 28 ms.
 */
const LONGEST_REST = 1;

/**
 * How long the worker's looks for events of lingering publishers take, as a sign of how long their events wait for a core at each step.
 * Measured with 50 publishers on two cores: 0.6 to 1 ms alone, 2.5 to 6 beside a backlog that drains as fast as it can. Compared
 * with the quickest look of late and not with a fixed time: the way to a database in another zone takes longer than a whole look here.
 */
export class LookTimes {
  private mean = 0;
  private quickest = Infinity;

  /** A look took `ms`. */
  took(ms: number): void {
    const time = Math.max(ms, 0.01);
    this.mean = this.quickest === Infinity ? time : this.mean + (time - this.mean) * NEW_PART;
    this.quickest = Math.min(time, this.quickest * FORGETTING);
  }

  /** How long a backlog's drain should rest after a transaction, in times of its length: 0 while looks are as quick as usual. */
  get rest(): number {
    if (this.quickest === Infinity) return 0;
    return Math.min(LONGEST_REST, Math.max(0, this.mean / this.quickest - USUAL));
  }
}
