/** A drain's place in its worker: `take` before it works, `give` while it only waits for events and at its end. */
export interface Turn {
  take(stop: AbortSignal): Promise<void>;
  give(): void;
}

/** For drains that are bounded otherwise. */
export const FREE_TURN: Turn = { take: () => Promise.resolve(), give: () => undefined };

/**
 * At most `most` drains of a worker publish at a time; the others wait here, first come, first served. Here and not in
 * Temporal's queue, because a turn changes hands in a microsecond, a task in 20 to 80 ms, and because who waits is known.
 */
export class Turns {
  private taken = 0;
  private readonly queue: (() => void)[] = [];

  constructor(private readonly most: number) {}

  /** True while somebody waits for a turn. */
  get awaited(): boolean {
    return this.queue.length > 0;
  }

  turn(): Turn {
    let mine = false;
    return {
      take: async (stop) => {
        if (!mine) await this.next(stop);
        mine = true;
      },
      give: () => {
        if (mine) this.pass();
        mine = false;
      },
    };
  }

  /** A drain that is told to stop need not wait: it ends with its next step, and holds no batch. */
  private next(stop: AbortSignal): Promise<void> {
    if (this.taken < this.most || stop.aborted) {
      this.taken += 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const called = (): void => {
        stop.removeEventListener('abort', aborted);
        resolve();
      };
      const aborted = (): void => {
        this.queue.splice(this.queue.indexOf(called), 1);
        this.taken += 1;
        resolve();
      };
      stop.addEventListener('abort', aborted, { once: true });
      this.queue.push(called);
    });
  }

  private pass(): void {
    // Those that did not wait may have made it more than there are turns: then this one is not passed on.
    const next = this.taken <= this.most ? this.queue.shift() : undefined;
    if (next === undefined) this.taken -= 1;
    else next();
  }
}
