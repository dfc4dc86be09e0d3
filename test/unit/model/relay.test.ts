import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { exploreMachine } from '../../../model/explore';
import { relayMachine } from '../../../model/relay/machine';
import { CONTAINED, MUTATIONS, rowOf, showMutation } from '../../../model/relay/mutations';
import { RULE_NAMES } from '../../../model/relay/rules';
import { SCOPE_NAMES, scopeOf } from '../../../model/relay/scopes';
import { walker, wildScope } from '../../../model/relay/walk';

const WHOLE = { depth: 1_000, states: 1_000_000 };
const page = readFileSync(join(__dirname, '../../../docs/model.md'), 'utf8');

describe('relays, explored wholly within each scope', () => {
  it.each(SCOPE_NAMES)('%s: every promise holds in every reachable state, and every state can be healed', (name) => {
    const { found, complete, states, transitions, depth } = exploreMachine(relayMachine(scopeOf(name, 'small')), WHOLE);
    expect(found).toEqual([]);
    expect(complete).toBe(true);
    // A change of the model that makes it see less must be noticed.
    expect(page).toContain(
      `| ${name} | ${[states, transitions, depth].map((n) => n.toLocaleString('en')).join(' | ')} |`,
    );
  });
});

describe('relays without one of their rules', () => {
  it.each(MUTATIONS.map((mutation) => ({ mutation, name: mutation.off.join(' and ') })))(
    '$name: the exploration finds what breaks, as docs/model.md says',
    ({ mutation }) => {
      const found = showMutation(mutation);
      if (found === null) throw new Error('nothing breaks without this rule');
      expect({ steps: found.trace.length, trace: found.trace }).toMatchObject({ steps: mutation.steps });
      expect(page).toContain(rowOf(mutation, found));
    },
  );

  it('covers every rule', () => {
    const covered = new Set([...MUTATIONS.flatMap((mutation) => mutation.off), ...CONTAINED]);
    expect(RULE_NAMES.filter((rule) => !covered.has(rule))).toEqual([]);
  });
});

describe('long random walks of relays with every kind of fault at once', () => {
  it('break no promise', () => {
    const run = walker(wildScope());
    let published = 0;
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 8_000 }), { minLength: 200, maxLength: 300, size: 'max' }), (picked) => {
        const { broken, trace, ...end } = run(picked);
        published += end.published;
        if (broken !== null) throw new Error(`${broken}\n${trace.join('\n')}`);
      }),
      { numRuns: 150, interruptAfterTimeLimit: 20_000 },
    );
    // Walks that go nowhere would prove nothing.
    expect(published).toBeGreaterThan(50);
  });
});
