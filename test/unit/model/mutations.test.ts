import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { explore } from '../../../model/drain-machine';
import { MUTATIONS, rowOf, showMutation } from '../../../model/mutations';
import { RULE_NAMES } from '../../../model/rules';
import { scopeOf } from '../../../model/scopes';

const page = readFileSync(join(__dirname, '../../../docs/model.md'), 'utf8');

describe('the drain protocol without one of its rules', () => {
  it.each(MUTATIONS.map((mutation) => ({ mutation, name: `${mutation.off.join(' and ')}, ${mutation.looksFor}` })))(
    '$name: the exploration finds what breaks, as docs/model.md says',
    ({ mutation }) => {
      const found = showMutation(mutation);
      if (found === null) throw new Error('nothing breaks without this rule');
      expect({ steps: found.trace.length, trace: found.trace }).toMatchObject({ steps: mutation.steps });
      expect(page).toContain(rowOf(mutation, found));
    },
  );

  it('covers every rule', () => {
    const covered = new Set(MUTATIONS.flatMap((mutation) => mutation.off));
    expect(RULE_NAMES.filter((rule) => !covered.has(rule))).toEqual([]);
  });

  it('needs the compare-and-set of seq only where a drain outlives a fail-over, which the fence of the server prevents', () => {
    const { found, complete } = explore(scopeOf('failover', 'small', ['compareAndSet']), {
      depth: 1_000,
      states: 400_000,
    });
    expect({ found, complete }).toEqual({ found: [], complete: true });
  });
});
