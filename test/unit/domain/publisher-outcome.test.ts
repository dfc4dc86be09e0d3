import { pause } from '../../../src/domain/publisher-commands';
import { drainEnded, drainStarted } from '../../../src/domain/publisher-outcome';
import { defaultConfig, initialState } from '../../../src/domain/publisher-state';
import { T0, failed, outcome, turns } from '../../support/publisher-turns';

const REF = { tenant: 'acme', destination: 'kafka', shard: 0 };

describe('what a drain that ended says of its publisher', () => {
  it('looks at topics that refuse events every 2 s, for as long the others wait', () => {
    const dead = { ...failed, blockedTopics: ['dead'] };
    for (const published of [0, 5]) {
      const after = turns(initialState(REF, defaultConfig(), T0), 2, { ...dead, published });
      expect((after.drain.retryAt ?? 0) - T0).toBeLessThanOrEqual(60_000 + 2_000);
    }
  });

  it('knows that events wait behind its own pause, and nothing of them behind a pause of everything', () => {
    const state = initialState(REF, defaultConfig(), T0);
    const cut = outcome({ end: 'paused', published: 1 });
    const own = drainEnded(pause(state, { by: 'ops', why: 'x' }, T0), cut, { probe: false }, T0, 0.5);
    expect(own.drain).toMatchObject({ woken: true, allPaused: false });
    const all = drainEnded(drainStarted(state, false, T0), cut, { probe: false }, T0, 0.5);
    expect(all.drain).toMatchObject({ woken: false, allPaused: true });
  });
});
