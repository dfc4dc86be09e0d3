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

  constructor(
    private readonly sink: Sink,
    private readonly maxIdle: number,
  ) {}

  /** The idle session of this publisher, removed from the cache, or a new one that knows nothing yet. */
  checkout(ref: PublisherRef, plainKey: PlainKey): Hold {
    const id = publisherId(ref);
    const hold = this.idle.get(id);
    if (hold === undefined) return { ref, plainKey, session: this.sink.open(ref), clean: null };
    this.idle.delete(id);
    return { ...hold, plainKey };
  }

  /** Takes a session back. One in doubt is thrown away: never abort and reuse. */
  async giveBack(hold: Hold): Promise<void> {
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

  async close(): Promise<void> {
    const holds = [...this.idle.values()];
    this.idle.clear();
    await Promise.all(holds.map((hold) => hold.session.discard()));
  }

  get size(): number {
    return this.idle.size;
  }
}
