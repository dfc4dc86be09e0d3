import fc from 'fast-check';
import { InFlight } from '../../../../src/domain/relay/in-flight';

type Move =
  | { readonly do: 'begin' }
  | { readonly do: 'clear' }
  | { readonly do: 'end'; readonly n: number }
  | { readonly do: 'claim' | 'settled' | 'dropped'; readonly n: number; readonly count: number };

const n = fc.nat(50);
const count = fc.integer({ min: 1, max: 5 });
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('begin' as const) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('end' as const), n }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('claim' as const), n, count }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('settled' as const, 'dropped' as const), n, count }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const) }) },
);

/** Says of each id why it is excluded, the slow and obvious way. */
class Reference {
  readonly flying = new Set<string>();
  /** Id → reads that it waits for. */
  readonly waiting = new Map<string, Set<number>>();
  readonly reads = new Set<number>();

  expected(id: string): boolean {
    return this.flying.has(id) || (this.waiting.get(id)?.size ?? 0) > 0;
  }
}

describe('ids in flight', () => {
  it('stay excluded until settled and every read that began before has ended, and no longer', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 120, size: 'max' }), (moves) => {
        const inFlight = new InFlight();
        const reference = new Reference();
        const ids = Array.from({ length: 12 }, (_, i) => `${i}`);
        for (const step of moves) {
          apply(inFlight, reference, ids, step);
          const wrong = ids.filter((id) => inFlight.excluded(id) !== reference.expected(id));
          if (wrong.length > 0) throw new Error(`${wrong.join()} after ${JSON.stringify(step)}`);
          if (inFlight.size !== ids.filter((id) => reference.expected(id)).length) throw new Error('another size');
        }
      }),
      { numRuns: 300 },
    );
  });

  it('belong to their newest flight: an older release does not free them', () => {
    const inFlight = new InFlight();
    const read = inFlight.begin();
    inFlight.exclude(['7']);
    inFlight.settled(['7']);
    inFlight.exclude(['7']);
    expect(inFlight.end(read)).toBe(true);
    expect(inFlight.excluded('7')).toBe(true);
    inFlight.settled(['7']);
    expect(inFlight.excluded('7')).toBe(false);
  });

  it('are forgotten with the fence, and reads of before are void', () => {
    const inFlight = new InFlight();
    const before = inFlight.begin();
    inFlight.exclude(['1', '2']);
    inFlight.settled(['1']);
    inFlight.clear();
    const after = inFlight.begin();
    inFlight.exclude(['3']);
    inFlight.settled(['3']);
    expect([inFlight.excluded('1'), inFlight.excluded('2'), inFlight.size]).toEqual([false, false, 1]);
    expect(inFlight.end(before)).toBe(false);
    expect(inFlight.excluded('3')).toBe(true);
    expect(inFlight.end(after)).toBe(true);
    expect(inFlight.size).toBe(0);
  });

  it('take no more memory than what is on its way, however long the relay runs', () => {
    const inFlight = new InFlight();
    let read = inFlight.begin();
    for (let batch = 0; batch < 20_000; batch += 1) {
      inFlight.exclude([`${batch}`]);
      const next = inFlight.begin();
      inFlight.settled([`${batch}`]);
      inFlight.end(read);
      read = next;
      if (inFlight.size > 2) throw new Error(`${inFlight.size} ids after batch ${batch}`);
    }
    inFlight.end(read);
    expect(inFlight.size).toBe(0);
  });
});

function apply(inFlight: InFlight, reference: Reference, ids: readonly string[], step: Move): void {
  if (step.do === 'begin') reference.reads.add(inFlight.begin());
  else if (step.do === 'clear') {
    inFlight.clear();
    for (const all of [reference.flying, reference.waiting, reference.reads]) all.clear();
  } else if (step.do === 'end') {
    const token = [...reference.reads][step.n % Math.max(1, reference.reads.size)];
    if (token === undefined) return;
    expect(inFlight.end(token)).toBe(true);
    reference.reads.delete(token);
    for (const reads of reference.waiting.values()) reads.delete(token);
  } else {
    const chosen = ids.slice(step.n % ids.length).slice(0, step.count);
    if (step.do === 'claim') {
      // As a claim does: what is excluded is left out.
      const free = chosen.filter((id) => !inFlight.excluded(id));
      inFlight.exclude(free);
      for (const id of free) reference.flying.add(id);
      return;
    }
    inFlight[step.do](chosen);
    for (const id of chosen) {
      if (!reference.flying.delete(id)) continue;
      if (step.do === 'settled') reference.waiting.set(id, new Set(reference.reads));
    }
  }
}
