import type { PlainKey } from '../../domain/plain-key';
import { publisherId } from '../../domain/publisher';
import type { PublisherRef } from '../../domain/publisher';
import type { Sink } from '../../sinks/sink';
import type { Hold } from './hold';

/**
 * Idle sessions of this worker, least recently used first out. A session is checked out exclusively: two attempts in
 * one process never share a producer, the second simply opens its own and fences the first (about 10 ms).
 * Bounded, because every live producer holds sockets here and memory on the broker.
 */
export class SessionCache {
  private readonly idle = new Map<string, Hold>();
  #out = 0;

  /** `alive` hears how many sessions there are, idle and checked out, at each change. */
  constructor(
    private readonly sink: Sink,
    private readonly maxIdle: number,
    private readonly alive: (sessions: number) => void = () => undefined,
  ) {}

  /** The idle session of this publisher, removed from the cache, or a new one that knows nothing yet. */
  checkout(ref: PublisherRef, plainKey: PlainKey): Hold {
    const id = publisherId(ref);
    const hold = this.idle.get(id);
    this.#out += 1;
    if (hold === undefined) {
      this.#changed();
      return { ref, plainKey, session: this.sink.open(ref), clean: null };
    }
    this.idle.delete(id);
    return { ...hold, plainKey };
  }

  /** Takes a session back. One in doubt is thrown away: never abort and reuse. */
  async giveBack(hold: Hold): Promise<void> {
    try {
      await this.#keepOrDiscard(hold);
    } finally {
      this.#out -= 1;
      this.#changed();
    }
  }

  async close(): Promise<void> {
    const holds = [...this.idle.values()];
    this.idle.clear();
    await Promise.all(holds.map((hold) => hold.session.discard()));
    this.#changed();
  }

  get size(): number {
    return this.idle.size;
  }

  async #keepOrDiscard(hold: Hold): Promise<void> {
    if (hold.clean === null) return hold.session.discard();
    const id = publisherId(hold.ref);
    const older = this.idle.get(id);
    this.idle.set(id, hold);
    if (older !== undefined) await older.session.discard();
    for (const [oldest, victim] of this.idle) {
      if (this.idle.size <= this.maxIdle) break;
      this.idle.delete(oldest);
      await victim.session.discard();
    }
  }

  #changed(): void {
    this.alive(this.idle.size + this.#out);
  }
}
