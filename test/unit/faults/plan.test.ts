import * as fc from 'fast-check';
import { ALL_FRAME_FAULTS } from '../../../faults/acts/frames';
import { planRun, quickSelection } from '../../../faults/runner/plan';
import { GROUPS, SCENARIOS } from '../../../faults/scenarios/registry';
import { STACK_KINDS } from '../../../faults/servers/pool';

const seed = fc.integer({ min: 0, max: 999_999 });

describe('the plan of a fault run', () => {
  it('is the same for the same seed, and another for another', () => {
    fc.assert(
      fc.property(seed, (value) => {
        expect(planRun(SCENARIOS, value, 15)).toEqual(planRun(SCENARIOS, value, 15));
        const seeds = (of: number) => planRun(SCENARIOS, of, 15).map((planned) => planned.seed);
        expect(seeds(value)).not.toEqual(seeds(value + 1));
      }),
      { numRuns: 50 },
    );
  });

  it('gives a scenario the same seed and plan whether it runs alone or with all others', () => {
    fc.assert(
      fc.property(seed, fc.constantFrom(...SCENARIOS), (value, scenario) => {
        const [alone] = planRun([scenario], value, 15);
        expect(planRun(SCENARIOS, value, 15)).toContainEqual(alone);
      }),
      { numRuns: 100 },
    );
  });

  it('lets scenarios that share servers follow each other', () => {
    const kinds = planRun(SCENARIOS, 1, 15).map(({ scenario }) => scenario.stack ?? 'usual');
    expect(kinds.filter((kind, index) => kind !== kinds[index - 1])).toEqual(STACK_KINDS);
  });

  it('loses every request of a drain in every way, a choice of them in a short run', () => {
    const faults = (seconds: number): readonly string[] => {
      const planned = planRun(SCENARIOS, 7, seconds).find(({ scenario }) => scenario.name === 'frames');
      const names = planned?.scenario.faults;
      return typeof names === 'function' ? names(planned?.plan ?? {}) : [];
    };
    expect([...faults(15)].sort()).toEqual([...ALL_FRAME_FAULTS].sort());
    expect(faults(6)).toHaveLength(10);
    expect(new Set(faults(6)).size).toBe(10);
  });
});

describe('the scenarios', () => {
  it('have names of their own, a known group, and say what they make happen', () => {
    const names = SCENARIOS.map(({ name }) => name);
    expect(new Set([...names, ...GROUPS]).size).toBe(names.length + GROUPS.length);
    for (const scenario of SCENARIOS) {
      expect(scenario.name).toMatch(/^[a-z][a-z-]*[a-z]$/);
      expect(GROUPS).toContain(scenario.group);
      if (typeof scenario.faults !== 'function') expect(scenario.faults.length).toBeGreaterThan(0);
    }
  });

  it('have a short selection of every group on the usual servers', () => {
    const quick = quickSelection(SCENARIOS);
    expect(new Set(quick.map(({ group }) => group))).toEqual(new Set(GROUPS));
    expect(quick.every(({ stack }) => stack === undefined)).toBe(true);
  });
});
