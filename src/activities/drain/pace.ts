/** Events of the first transaction of a drain beside others, before anything was measured. */
const FIRST_EVENTS = 500;
/**
 * Below this a transaction's fixed cost outweighs its events. On a saturated machine that cost alone is over 50 ms, and with a
 * bound of 100 a backlog went at 800 events/s there, for nothing: its transactions became no shorter.
 */
const LEAST_EVENTS = 300;

/**
 * How many events a transaction may have to be over in a given time, from how long the last ones took. Readers of a shared
 * topic wait for open transactions, and other drains of this process for its one thread.
 */
export class Pace {
  private measured: number | null = null;

  /** How long sending takes for each member of a batch; null before the first. */
  get msPerEvent(): number | null {
    return this.measured;
  }

  sent(events: number, ms: number): void {
    const measured = ms / Math.max(1, events);
    // Half the new, half the old: one slow answer must not make the next ten transactions tiny.
    this.measured = this.measured === null ? measured : (this.measured + measured) / 2;
  }

  eventsWithin(ms: number, least = LEAST_EVENTS): number {
    if (this.measured === null) return FIRST_EVENTS;
    return Math.max(least, Math.floor(ms / Math.max(this.measured, 1e-6)));
  }
}
