/** The worker's options throttle heartbeats to one in 2 s; this only has to be clearly shorter. */
const EVERY_MS = 500;
/** Of the time-out: a heartbeat may be 2 s old when the process freezes. */
const LATE = 0.5;

/**
 * Heartbeats of one attempt, from a timer, so that a frozen or blocked process is noticed and another worker takes over. It notices
 * by itself as well: one that thaws hears of its end only with the answer to its next heartbeat.
 */
export class Heartbeats {
  private readonly timer: NodeJS.Timeout;
  private last = performance.now();
  private late = false;

  constructor(
    beat: () => void,
    /** Temporal's time-out, ms. */
    private readonly timeoutMs: number,
    everyMs = EVERY_MS,
  ) {
    this.timer = setInterval(() => {
      this.look();
      beat();
    }, everyMs);
  }

  /** True once heartbeats stayed out for so long that Temporal may have given this attempt up, and another one may have run since. */
  get missed(): boolean {
    this.look();
    return this.late;
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    const now = performance.now();
    if (now - this.last > this.timeoutMs * LATE) this.late = true;
    this.last = now;
  }
}
