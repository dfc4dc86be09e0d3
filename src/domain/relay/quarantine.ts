/** Successes in quarantine that set a publisher free, and the least time from the first of them to the last. */
export const SUCCESSES = 3;
export const OVER_MS = 60_000;

/** A publisher in quarantine; plain data, so that it can be kept with the publisher. */
export interface Struck {
  /** When it was struck last, ms since epoch. */
  readonly at: number;
  /** Strikes since it came here. */
  readonly strikes: number;
  readonly why: string;
  readonly successes: number;
  /** ms since epoch; null = none since the last strike. */
  readonly firstSuccessAt: number | null;
}

/**
 * Publishers whose record was refused by Kafka: each alone in its transactions, so that one that makes transactions abort again and again
 * costs others a single abort.
 *
 *   free ── strike ──→ in quarantine ── 3 successes over 60 s ──→ free
 *                          └── strike: the successes count from 0 ──┘
 *
 * No back-off: it goes on at once, at its own cost.
 */
export class Quarantine {
  readonly #struck = new Map<string, Struck>();

  get size(): number {
    return this.#struck.size;
  }

  has(publisher: string): boolean {
    return this.#struck.has(publisher);
  }

  get(publisher: string): Struck | null {
    return this.#struck.get(publisher) ?? null;
  }

  /** Goes on with what was kept. */
  restore(publisher: string, struck: Struck): void {
    this.#struck.set(publisher, struck);
  }

  /** Answers whether it was free until now: the caller moves it then. */
  strike(publisher: string, why: string, now: number): boolean {
    const before = this.#struck.get(publisher);
    const strikes = (before?.strikes ?? 0) + 1;
    this.#struck.set(publisher, { at: now, strikes, why, successes: 0, firstSuccessAt: null });
    return before === undefined;
  }

  /** A transaction of it was committed. True: it is free now, and the caller moves it back. */
  succeeded(publisher: string, now: number): boolean {
    const struck = this.#struck.get(publisher);
    if (struck === undefined) return false;
    // A clock that was set back starts the time anew.
    const firstSuccessAt = Math.min(struck.firstSuccessAt ?? now, now);
    const successes = struck.successes + 1;
    if (successes >= SUCCESSES && struck.firstSuccessAt !== null && now - struck.firstSuccessAt >= OVER_MS) {
      this.#struck.delete(publisher);
      return true;
    }
    this.#struck.set(publisher, { ...struck, successes, firstSuccessAt });
    return false;
  }

  /** It was detached, and what is kept of it is elsewhere. */
  forget(publisher: string): void {
    this.#struck.delete(publisher);
  }
}
