import fc from 'fast-check';
import { OVER_MS, Quarantine, SUCCESSES } from '../../../../src/domain/relay/quarantine';
import { same } from './same';

type What = 'strike' | 'success' | 'restart';

const move = fc.record({
  do: fc.constantFrom<What>('strike', 'success', 'success', 'success', 'success', 'restart'),
  publisher: fc.constantFrom('a', 'b'),
  after: fc.oneof(fc.nat(1_000), fc.nat(OVER_MS), fc.constant(OVER_MS)),
});

describe('quarantine of publishers', () => {
  it('ends with the third success or later, 60 s after the first one since the last strike, and never else', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 80, size: 'max' }), (moves) => {
        let quarantine = new Quarantine();
        const since = new Map<string, number[]>();
        let now = 0;
        for (const { do: what, publisher, after } of moves) {
          now += after;
          const successes = since.get(publisher);
          if (what === 'strike') {
            same(quarantine.strike(publisher, 'refused', now), successes === undefined);
            since.set(publisher, []);
          } else if (what === 'success') {
            successes?.push(now);
            const free =
              successes !== undefined && successes.length >= SUCCESSES && now - (successes[0] ?? now) >= OVER_MS;
            same(quarantine.succeeded(publisher, now), free);
            if (free) since.delete(publisher);
          } else {
            const next = new Quarantine();
            for (const one of since.keys()) {
              const struck = quarantine.get(one);
              if (struck !== null) next.restore(one, struck);
            }
            quarantine = next;
          }
          same(
            ['a', 'b'].map((one) => quarantine.has(one)),
            ['a', 'b'].map((one) => since.has(one)),
          );
          same(quarantine.size, since.size);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('says since when, how often and why, and forgets who has left', () => {
    const quarantine = new Quarantine();
    quarantine.strike('a', 'too large', 5);
    quarantine.succeeded('a', 6);
    quarantine.strike('a', 'forbidden', 7);
    expect(quarantine.get('a')).toEqual({ at: 7, strikes: 2, why: 'forbidden', successes: 0, firstSuccessAt: null });
    quarantine.forget('a');
    expect([quarantine.get('a'), quarantine.succeeded('a', 9)]).toEqual([null, false]);
  });

  it('lasts its whole time again if the clock was set back', () => {
    const quarantine = new Quarantine();
    quarantine.strike('a', 'refused', 1_000_000);
    for (const at of [1_000_000, 0, OVER_MS - 1]) expect(quarantine.succeeded('a', at)).toBe(false);
    expect(quarantine.succeeded('a', OVER_MS)).toBe(true);
  });
});
