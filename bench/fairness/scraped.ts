/** What a process says at its /metrics, and the largest value that was ever seen of each series. */
export class Scraped {
  #series = new Map<string, number>();
  readonly #most = new Map<string, number>();

  constructor(private readonly adminUrl: string) {}

  async look(): Promise<void> {
    const response = await fetch(`${this.adminUrl}/metrics`, { signal: AbortSignal.timeout(10_000) });
    this.#series = new Map(
      (await response.text())
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
    );
    for (const [name, value] of this.#series) this.#most.set(name, Math.max(value, this.#most.get(name) ?? 0));
  }

  /** Of the series of that name without labels; 0 if there was none. */
  most(name: string): number {
    return this.#most.get(name) ?? 0;
  }

  /** Of all series of that name whose labels contain `label`, as of the last look. */
  sum(name: string, label: string): number {
    let sum = 0;
    for (const [series, value] of this.#series)
      if (series.startsWith(`${name}{`) && series.includes(label)) sum += value;
    return sum;
  }
}
