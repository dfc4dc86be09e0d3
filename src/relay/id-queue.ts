/** Compares decimal strings of ids: they never pass through a JavaScript number. */
export function compareIds(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Ids of one publisher that looks have found and nobody has claimed, ascending, each once. */
export class IdQueue {
  #ids: string[] = [];
  #from = 0;

  get size(): number {
    return this.#ids.length - this.#from;
  }

  /** Nearly always the highest so far: a transaction that commits late brings lower ones. */
  add(id: string): void {
    const last = this.#ids.at(-1);
    if (last === undefined || this.size === 0 || compareIds(last, id) < 0) {
      this.#ids.push(id);
      return;
    }
    let low = this.#from;
    let high = this.#ids.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareIds(this.#ids[middle] as string, id) < 0) low = middle + 1;
      else high = middle;
    }
    if (this.#ids[low] !== id) this.#ids.splice(low, 0, id);
  }

  /** The lowest `count` of them, which stay. */
  peek(count: number): string[] {
    return this.#ids.slice(this.#from, this.#from + count);
  }

  /** Drops these, ascending: nearly always the lowest ones, but a lower one may have come while they were claimed. */
  drop(ids: readonly string[]): void {
    let next = 0;
    while (next < ids.length && this.#ids[this.#from + next] === ids[next]) next += 1;
    this.#from += next;
    if (next < ids.length) {
      const others = new Set(ids.slice(next));
      this.#ids = this.#ids.slice(this.#from).filter((id) => !others.has(id));
      this.#from = 0;
    }
    if (this.#from > 1_024 && this.#from * 2 > this.#ids.length) {
      this.#ids = this.#ids.slice(this.#from);
      this.#from = 0;
    }
  }

  clear(): void {
    this.#ids = [];
    this.#from = 0;
  }
}
