/** What a heap keeps: `place` is the heap's own, -1 while the item is in none. */
export interface Heaped {
  place: number;
}

/** A binary min-heap whose items know their place, so that any of them can leave. O(log n) each; `before` must not change for an item inside. */
export class Heap<T extends Heaped> {
  readonly #items: T[] = [];

  constructor(private readonly before: (a: T, b: T) => boolean) {}

  get size(): number {
    return this.#items.length;
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    this.#items.push(item);
    this.#up(item, this.#items.length - 1);
  }

  pop(): T | undefined {
    const first = this.#items[0];
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** No effect for an item that is not inside. */
  remove(item: T): void {
    const at = item.place;
    if (at < 0) return;
    item.place = -1;
    const last = this.#items.pop() as T;
    if (last === item) return;
    this.#up(last, at);
    this.#down(last, last.place);
  }

  /** In no order. */
  items(): IterableIterator<T> {
    return this.#items.values();
  }

  #put(item: T, at: number): void {
    this.#items[at] = item;
    item.place = at;
  }

  #up(item: T, from: number): void {
    let at = from;
    while (at > 0) {
      const parent = this.#items[(at - 1) >> 1] as T;
      if (!this.before(item, parent)) break;
      this.#put(parent, at);
      at = (at - 1) >> 1;
    }
    this.#put(item, at);
  }

  #down(item: T, from: number): void {
    let at = from;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= this.#items.length) break;
      const right = left + 1;
      const useRight = right < this.#items.length && this.before(this.#items[right] as T, this.#items[left] as T);
      const child = this.#items[useRight ? right : left] as T;
      if (!this.before(child, item)) break;
      this.#put(child, at);
      at = useRight ? right : left;
    }
    this.#put(item, at);
  }
}
