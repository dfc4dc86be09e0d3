/** What a process says at its /metrics. */
export class Scraped {
  #series = new Map<string, number>();

  constructor(private readonly adminUrl: string) {}

  async look(): Promise<void> {
    const response = await fetch(`${this.adminUrl}/metrics`, { signal: AbortSignal.timeout(10_000) });
    this.#series = new Map(
      (await response.text())
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
    );
  }

  /** Of all series of that name whose labels contain `label`, as of the last look. */
  sum(name: string, label: string): number {
    let sum = 0;
    for (const [series, value] of this.#series)
      if (series.startsWith(`${name}{`) && series.includes(label)) sum += value;
    return sum;
  }
}
