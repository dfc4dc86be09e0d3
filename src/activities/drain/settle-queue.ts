/** At most one settle, which may wait to be started: `add` then `start` (or `finish`, which starts it if need be). */
export class SettleQueue {
  private next: (() => Promise<void>) | null = null;
  private running: Promise<void> = Promise.resolve();

  add(settle: () => Promise<void>): void {
    this.next = settle;
  }

  start(): void {
    const settle = this.next;
    if (settle === null) return;
    this.next = null;
    this.running = settle();
    // Awaited before the next commit and at every end; this only keeps a rejection from counting as unhandled till then.
    this.running.catch(() => undefined);
  }

  /** Resolves when the settle is done; rejects as it does. */
  async finish(): Promise<void> {
    this.start();
    await this.running;
  }

  /** Waits for a settle in flight and forgets it, and one not started: the take-over settles what Kafka committed. */
  async abandon(): Promise<void> {
    this.next = null;
    await this.running.catch(() => undefined);
    this.running = Promise.resolve();
  }
}
