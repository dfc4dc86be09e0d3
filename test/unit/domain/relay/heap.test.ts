import fc from 'fast-check';
import { Heap } from '../../../../src/domain/relay/heap';
import { same } from './same';

interface Item {
  place: number;
  readonly value: number;
}

describe('heap', () => {
  it('gives the smallest first, whichever of them leave in between, and compares no more than log n times', () => {
    const moves = fc.array(
      fc.oneof(fc.integer({ min: 0, max: 99 }), fc.constantFrom('pop' as const, 'remove' as const)),
      {
        maxLength: 300,
        size: 'max',
      },
    );
    fc.assert(
      fc.property(moves, fc.nat(1_000), (all, n) => {
        let compared = 0;
        const heap = new Heap<Item>((a, b) => {
          compared += 1;
          return a.value < b.value;
        });
        let inside: Item[] = [];
        for (const move of all) {
          compared = 0;
          const most = 4 * Math.ceil(Math.log2(inside.length + 2));
          if (typeof move === 'number') {
            const item = { place: -1, value: move };
            inside.push(item);
            heap.push(item);
          } else if (move === 'pop') {
            const least = heap.pop();
            same(least?.value, inside.length === 0 ? undefined : Math.min(...inside.map(({ value }) => value)));
            inside = inside.filter((item) => item !== least);
          } else {
            const item = inside[n % Math.max(1, inside.length)];
            if (item !== undefined) heap.remove(item);
            if (item !== undefined) heap.remove(item);
            inside = inside.filter((other) => other !== item);
          }
          same(heap.size, inside.length);
          if (compared > most) throw new Error(`${compared} comparisons of ${inside.length}`);
        }
        const rest = Array.from({ length: heap.size }, () => heap.pop()?.value);
        same(
          rest,
          inside.map(({ value }) => value).sort((a, b) => a - b),
        );
      }),
      { numRuns: 100 },
    );
  });
});
