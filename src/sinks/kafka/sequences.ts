/** After 2^31 - 1 comes 0. kafkajs starts at 0 again instead of at the remainder, which the broker refuses. */
const SEQUENCES = 2 ** 31;

/** The next sequence number of each partition: the broker refuses gaps and recognises repetitions by it. */
export class Sequences {
  readonly #next = new Map<string, number>();

  next(topic: string, partition: number): number {
    return this.#next.get(`${topic}/${partition}`) ?? 0;
  }

  advance(topic: string, partition: number, records: number): void {
    this.#next.set(`${topic}/${partition}`, (this.next(topic, partition) + records) % SEQUENCES);
  }

  /** A new epoch counts from 0. */
  reset(): void {
    this.#next.clear();
  }
}
