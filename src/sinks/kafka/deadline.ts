import { setTimeout as delay } from 'node:timers/promises';

/** Thrown when a step would start or go on after its time. */
export class DeadlineError extends Error {
  constructor(readonly limitMs: number) {
    super(`not done within ${limitMs} ms`);
    this.name = 'DeadlineError';
  }
}

/** A point in time that several steps share. */
export class Deadline {
  readonly #end: number;

  constructor(readonly limitMs: number) {
    this.#end = performance.now() + limitMs;
  }

  remaining(): number {
    return this.#end - performance.now();
  }

  /** By the clock and not by a timer: after the process was frozen, timers fire late and in any order. */
  check(): void {
    if (this.remaining() <= 0) throw new DeadlineError(this.limitMs);
  }

  /** Rejects at the deadline; what `work` is doing goes on unless its own checks stop it. */
  async race<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new DeadlineError(this.limitMs)), Math.max(0, this.remaining()));
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Calls `step` until it succeeds, fails in a way that `again` does not want, or the time is used up (then the last error
   * is thrown). Waits 2 ms, doubling to 200 ms: a marker of the last transaction takes a few ms, a new leader a second.
   */
  async retry<T>(step: () => Promise<T>, again: (error: unknown) => boolean | Promise<boolean>): Promise<T> {
    for (let wait = 2; ; wait = Math.min(200, wait * 2)) {
      this.check();
      try {
        return await step();
      } catch (error) {
        if (!(await again(error)) || this.remaining() < wait) throw error;
      }
      await delay(wait);
    }
  }
}
