import { publisherId } from '../domain/publisher';
import type { PublisherRef } from '../domain/publisher';

/**
 * Collects wakes of one process: while one round is under way, further requests for the same publisher fold into the
 * next round. So a burst of a thousand posts of one tenant costs one or two row updates, not a thousand.
 */
export class WakeCoalescer {
  private waiting = new Map<string, PublisherRef>();
  private running: Promise<void> | null = null;

  constructor(private readonly wake: (refs: readonly PublisherRef[]) => Promise<void>) {}

  /** Returns at once; the wake happens in the background. */
  request(refs: readonly PublisherRef[]): void {
    for (const ref of refs) this.waiting.set(publisherId(ref), ref);
    this.running ??= this.loop();
  }

  /** Resolves when no wake is under way: for shutdown and tests. */
  async idle(): Promise<void> {
    while (this.running !== null) await this.running;
  }

  private async loop(): Promise<void> {
    // Let the posts of the same moment gather.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.waiting.size > 0) {
      const refs = [...this.waiting.values()];
      this.waiting = new Map();
      await this.wake(refs);
    }
    this.running = null;
  }
}
