/** What `begin` gave to a read, to be handed back when it has ended. */
export type ReadToken = number;

/** Ids that one settle or drop released, and the last read that had begun by then. */
interface Release {
  readonly lastRead: ReadToken;
  readonly ids: readonly string[];
}

/**
 * Events that a relay has on their way: claims leave them out until they are settled, and no read can still answer them as
 * pending.
 *
 *   absent ── exclude ──→ in flight ── settled ──→ waiting for the reads of that moment ──→ absent
 *                             └── dropped ──────────────────────────────────────────────→ absent
 *
 * A read that began before the settle's acknowledgement may hold a snapshot in which the event is pending. So its id stays
 * excluded until every such read has ended, in whatever order they do. Ids are event ids, for a copy with its replay's.
 * Every call costs O(1) for each id it names or releases.
 */
export class InFlight {
  /** null = in flight; a release = excluded until that one is over. */
  readonly #ids = new Map<string, Release | null>();
  /** Reads that have not ended, oldest first: a Set keeps the order of adding. */
  readonly #reads = new Set<ReadToken>();
  /** Oldest first. */
  #releases: Release[] = [];
  /** Releases before it are over; they are cut off together. */
  #next = 0;
  #lastRead: ReadToken = 0;
  #firstValid: ReadToken = 1;

  /** Ids that a claim must leave out. */
  get size(): number {
    return this.#ids.size;
  }

  /** A read of pending events begins: to be called before its statement is sent. */
  begin(): ReadToken {
    this.#lastRead += 1;
    this.#reads.add(this.#lastRead);
    return this.#lastRead;
  }

  /** The read has ended, and what it answered is looked at already. False: it began before a `clear`, so its answer is void. */
  end(token: ReadToken): boolean {
    if (this.#reads.delete(token)) this.#release();
    return token >= this.#firstValid;
  }

  exclude(ids: Iterable<string>): void {
    for (const id of ids) this.#ids.set(id, null);
  }

  /** They are no longer pending: the settle's, or the park's, acknowledgement has come. */
  settled(ids: Iterable<string>): void {
    const known: string[] = [];
    const release = { lastRead: this.#lastRead, ids: known };
    for (const id of ids) {
      if (this.#ids.get(id) !== null) continue;
      this.#ids.set(id, release);
      known.push(id);
    }
    this.#releases.push(release);
    this.#release();
  }

  /** They are pending and not sent: the transaction was aborted, or never begun. Any read may have them. */
  dropped(ids: Iterable<string>): void {
    for (const id of ids) if (this.#ids.get(id) === null) this.#ids.delete(id);
  }

  excluded(id: string): boolean {
    return this.#ids.has(id);
  }

  /** The relay gives its fence up: whatever was on its way is unknown, and what running reads will answer is void. */
  clear(): void {
    this.#ids.clear();
    this.#reads.clear();
    this.#releases = [];
    this.#next = 0;
    this.#firstValid = this.#lastRead + 1;
  }

  #release(): void {
    const oldest = this.#reads.values().next().value ?? Infinity;
    for (; this.#next < this.#releases.length; this.#next += 1) {
      const release = this.#releases[this.#next] as Release;
      if (release.lastRead >= oldest) break;
      // An id that is in flight again belongs to its new flight.
      for (const id of release.ids) if (this.#ids.get(id) === release) this.#ids.delete(id);
    }
    if (this.#next * 2 <= this.#releases.length) return;
    this.#releases = this.#releases.slice(this.#next);
    this.#next = 0;
  }
}
