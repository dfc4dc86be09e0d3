import { explore } from '../../../model/drain-machine';
import { SCOPE_NAMES, scopeOf } from '../../../model/scopes';

const WHOLE = { depth: 1_000, states: 1_000_000 };

/**
 * Distinct states of each scope, those that differ only in which drain is which counted once: a change of the model that makes
 * it see less must be noticed.
 */
const STATES = {
  races: 43_370,
  shrinks: 14_837,
  operators: 13_767,
  restarts: 20_510,
  stuck: 20_510,
  time: 24_686,
  failover: 45_201,
  forgotten: 35_159,
  adopted: 65_485,
  resent: 69_448,
  expired: 30_145,
  paused: 6_688,
  quota: 24_961,
  breaker: 30_659,
};

describe('the drain protocol, and a workflow that controls it, explored wholly within each scope', () => {
  it.each(SCOPE_NAMES)('%s: every promise holds in every reachable state, and every state can be healed', (name) => {
    const { found, complete, states } = explore(scopeOf(name, 'small'), WHOLE);
    expect(found).toEqual([]);
    expect(complete).toBe(true);
    expect(states).toBe(STATES[name]);
  });

  it('restarts, where the log of the ledger may not be read: every promise holds for answers that are wrong for a moment', () => {
    const { found, complete, states } = explore(scopeOf('restarts', 'small', ['readsLog']), WHOLE);
    expect(found).toEqual([]);
    expect(complete).toBe(true);
    expect(states).toBe(22_952);
  });

  it('halts after a fail-over that lost a committed batch, and only then', () => {
    const { halts } = explore(scopeOf('failover', 'small'), { depth: 36, states: 60_000, heal: false });
    expect(halts).toContain('ledger_ahead');
  });
});
