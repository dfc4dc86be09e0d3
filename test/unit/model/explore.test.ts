import { explore } from '../../../model/explore';
import { SCOPE_NAMES, scopeOf } from '../../../model/scopes';

const WHOLE = { depth: 1_000, states: 1_000_000 };

/** Distinct states of each scope: a change of the model that makes it see less must be noticed. */
const STATES = {
  races: 61_466,
  shrinks: 30_121,
  operators: 26_141,
  time: 35_515,
  failover: 115_282,
  forgotten: 35_159,
};

describe('the drain protocol, explored wholly within each scope', () => {
  it.each(SCOPE_NAMES)('%s: every promise holds in every reachable state, and every state can be healed', (name) => {
    const { found, complete, states } = explore(scopeOf(name, 'small'), WHOLE);
    expect(found).toEqual([]);
    expect(complete).toBe(true);
    expect(states).toBe(STATES[name]);
  });

  it('halts after a fail-over that lost a committed batch, and only then', () => {
    const { halts } = explore(scopeOf('failover', 'small'), { depth: 36, states: 60_000, heal: false });
    expect(halts).toContain('ledger_ahead');
  });
});
