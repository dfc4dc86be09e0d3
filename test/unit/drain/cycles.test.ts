import fc from 'fast-check';
import { Cycles } from '../../../src/activities/drain/cycles';

/** Publishers with a backlog each take turns on so many servers, dealt by chance as Temporal's queue does; answers the time that each got, ms. */
function shares(weights: readonly number[], servers: number, turns: number, cycles: Cycles | null): number[] {
  const got = weights.map(() => 0);
  const queue = weights.map((_, i) => i);
  const busy: { at: number; who: number; startedAt: number }[] = [];
  let now = 0;
  let seed = 4_711;
  for (let done = 0; done < turns;) {
    while (busy.length < servers && queue.length > 0) {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      const [who = 0] = queue.splice(servers === 1 ? 0 : seed % queue.length, 1);
      const factor = cycles?.started(String(who), now) ?? 1;
      busy.push({ at: now + 1_000 * (weights[who] ?? 1) * factor, who, startedAt: now });
    }
    busy.sort((a, b) => a.at - b.at);
    const next = busy.shift();
    if (next === undefined) break;
    now = next.at;
    // The first half only settles the lengths.
    if (done * 2 > turns) got[next.who] = (got[next.who] ?? 0) + (next.at - next.startedAt);
    cycles?.cut(String(next.who), next.startedAt);
    queue.push(next.who);
    done += 1;
  }
  return got;
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

describe('cycles of turns', () => {
  const weights = [1, 1, 1, 1, 1, 1, 3, 3, 3, 3, 3, 3];
  const ratio = (got: readonly number[]): number => sum(got.slice(6)) / sum(got.slice(0, 6));

  it('share several turns by weight, which turns as long as the weights do not', () => {
    expect(ratio(shares(weights, 4, 2_000, null))).toBeLessThan(2.4);
    const fair = ratio(shares(weights, 4, 2_000, new Cycles()));
    expect(fair).toBeGreaterThan(2.7);
    expect(fair).toBeLessThan(3.3);
  });

  it('change nothing where all come round equally often: one turn at a time, or equal weights', () => {
    expect(
      ratio(
        shares(
          [1, 3].flatMap((w) => Array<number>(6).fill(w)),
          1,
          2_000,
          new Cycles(),
        ),
      ),
    ).toBeCloseTo(3, 1);
    const equal = shares(
      weights.map(() => 1),
      4,
      2_000,
      new Cycles(),
    );
    expect(Math.max(...equal) / Math.min(...equal)).toBeLessThan(1.1);
  });

  it('never make a turn longer or shorter than three times, nor remember without bound', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ who: fc.nat(5_000), now: fc.integer(), start: fc.boolean() })), (calls) => {
        const cycles = new Cycles();
        return calls.every(({ who, now, start }) => {
          if (!start) cycles.cut(String(who), now);
          const factor = start ? cycles.started(String(who), now) : 1;
          return factor >= 0.33 && factor <= 3;
        });
      }),
    );
  });

  it('are not those of a publisher that was paused or elsewhere for long: nobody else gets shorter turns for it', () => {
    const cycles = new Cycles();
    cycles.cut('a', 0);
    cycles.cut('b', 0);
    cycles.cut('c', 0);
    expect(cycles.started('a', 1_000)).toBe(1);
    expect(cycles.started('b', 3_600_000)).toBe(1);
    expect(cycles.started('c', 1_000)).toBe(1);
  });

  it('start with a cut: a publisher that had nothing left for a while has no cycle', () => {
    const cycles = new Cycles();
    expect(cycles.started('a', 0)).toBe(1);
    expect(cycles.started('a', 60_000)).toBe(1);
  });
});
