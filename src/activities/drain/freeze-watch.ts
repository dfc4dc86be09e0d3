import { setTimeout as sleep } from 'node:timers/promises';

const EVERY_MS = 500;
/** Of the heartbeat time-out: the last heartbeat before a freeze may be 2 s old. */
const LATE = 0.5;
/** A heartbeat is sent at most 2 s after a thaw, and its answer says whether the attempt was given up. */
const VERDICT_MS = 3_000;

/**
 * Notices that this process did not run for a while (stopped, starved, blocked). Temporal may have given its activities up meanwhile and
 * others may have done their work, and a poll that was open may have taken an attempt that nobody waits for any more: all hear of
 * it only with the answer to their next heartbeat.
 */
export class FreezeWatch {
  private readonly timer: NodeJS.Timeout;
  private last = performance.now();
  private thawedAt = -Infinity;

  /** `timeoutMs`: after which Temporal misses heartbeats. */
  constructor(
    private readonly timeoutMs: number,
    everyMs = EVERY_MS,
    private readonly verdictMs = VERDICT_MS,
  ) {
    this.timer = setInterval(() => this.look(), everyMs);
    this.timer.unref();
  }

  /** Resolves when whoever was given up during a freeze has heard of it, which nearly always is at once; or when `stop` aborts. */
  async thawed(stop: AbortSignal): Promise<void> {
    for (;;) {
      this.look();
      const ms = this.thawedAt + this.verdictMs - performance.now();
      if (ms <= 0 || stop.aborted) return;
      await sleep(ms, undefined, { signal: stop }).catch(() => undefined);
    }
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    const now = performance.now();
    if (now - this.last > this.timeoutMs * LATE) this.thawedAt = now;
    this.last = now;
  }
}
