import fc from 'fast-check';
import { Fingerprints } from '../../../model/fingerprint';
import { Healer } from '../../../model/heal';
import type { Rule } from '../../../model/rules';
import { orderedScope, walk, wildScope } from '../../../model/walk';
import type { Scope } from '../../../model/scope';
import type { Walk } from '../../../model/walk';

const choices = fc.array(fc.nat({ max: 8_000 }), { minLength: 150, maxLength: 400, size: 'max' });

function walker(scope: Scope): (picked: readonly number[]) => Walk {
  const healer = new Healer(scope, new Fingerprints());
  return (picked) => walk(scope, picked, healer);
}

describe('long random walks with every kind of fault at once', () => {
  it('break no promise', () => {
    const run = walker(wildScope());
    let published = 0;
    let halted = 0;
    fc.assert(
      fc.property(choices, (picked) => {
        const { broken, trace, ...end } = run(picked);
        published += end.published;
        halted += end.halted === null ? 0 : 1;
        if (broken !== null) throw new Error(`${broken}\n${trace.join('\n')}`);
      }),
      { numRuns: 2_000, interruptAfterTimeLimit: 60_000 },
    );
    // Walks that go nowhere would prove nothing.
    expect(published).toBeGreaterThan(1_000);
    expect(halted).toBeGreaterThan(0);
  });

  it('break no promise of pauses, quotas and breakers either', () => {
    const run = walker(orderedScope());
    let published = 0;
    fc.assert(
      fc.property(choices, (picked) => {
        const { broken, trace, ...end } = run(picked);
        published += end.published;
        if (broken !== null) throw new Error(`${broken}\n${trace.join('\n')}`);
      }),
      { numRuns: 1_000, interruptAfterTimeLimit: 60_000 },
    );
    expect(published).toBeGreaterThan(500);
  });

  // Rules that a walk meets often (within 250 walks, measured). `ledgerAfterInit` takes ten thousand: the exploration of
  // mutations.test.ts finds it surely, random walks only by luck.
  it.each<Rule>(['pgFence', 'newEpochOnDoubt', 'revisionChecked', 'operatorsRefuse'])(
    'find out that %s is missing',
    (rule) => {
      const run = walker(wildScope(rule));
      const result = fc.check(
        fc.property(choices, (picked) => run(picked).broken === null),
        { numRuns: 2_000, endOnFailure: true },
      );
      expect(result.failed).toBe(true);
    },
  );
});
