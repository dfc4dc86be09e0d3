import fc from 'fast-check';
import {
  CLOSED_BREAKER,
  breakerAllows,
  breakerFailed,
  breakerOpenedByOperator,
  breakerProbing,
  breakerSucceeded,
} from '../../../src/domain/breaker';
import type { BreakerState } from '../../../src/domain/breaker';

const CONFIG = { threshold: 3, resetMs: 60_000 };
type Step = { kind: 'fail' | 'succeed' | 'probe'; after: number; random: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('fail' as const, 'succeed' as const, 'probe' as const),
    // Clocks jump back as well.
    after: fc.integer({ min: -100_000, max: 1_000_000 }),
    random: fc.double({ min: 0, max: 0.999, noNaN: true }),
  }),
  { maxLength: 60 },
);

function apply(state: BreakerState, step: Step, now: number): BreakerState {
  if (step.kind === 'succeed') return breakerSucceeded(state);
  if (step.kind === 'fail') return breakerFailed(state, CONFIG, now, 'KAFKA_UNAVAILABLE', step.random);
  const allowed = breakerAllows(state, now);
  return allowed.allow === 'probe' ? breakerProbing(state) : state;
}

describe('circuit breaker', () => {
  it('makes legal transitions only', () => {
    fc.assert(
      fc.property(steps, (all) => {
        let state = CLOSED_BREAKER;
        let now = 1_800_000_000_000;
        for (const step of all) {
          now += step.after;
          const next = apply(state, step, now);
          const move = `${state.state}>${next.state}`;
          expect([
            'closed>closed',
            'closed>open',
            'open>open',
            'open>half-open',
            'open>closed',
            'half-open>open',
            'half-open>closed',
            'half-open>half-open',
          ]).toContain(move);
          if (move === 'closed>open') expect(next.failures).toBeGreaterThanOrEqual(CONFIG.threshold);
          if (next.state === 'open') expect(next.nextProbeAt).not.toBeNull();
          if (next.state === 'closed') expect(next.openings).toBe(0);
          state = next;
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('waits at least 0.8 and at most 12 reset intervals before a probe', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 40 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (openings, random) => {
          const half: BreakerState = { ...CLOSED_BREAKER, state: 'half-open', failures: 3, openings };
          const wait = (breakerFailed(half, CONFIG, 0, 'x', random).nextProbeAt ?? NaN) / CONFIG.resetMs;
          expect(wait).toBeGreaterThanOrEqual(0.8);
          expect(wait).toBeLessThanOrEqual(12);
        },
      ),
    );
  });

  it('stays open, without probes, while an operator holds it open', () => {
    const held = breakerOpenedByOperator(CLOSED_BREAKER, 5, 'ops: maintenance');
    expect(breakerAllows(held, 1e15)).toEqual({ allow: 'none', until: null });
    expect(breakerSucceeded(held)).toBe(held);
    expect(breakerFailed(held, CONFIG, 6, 'x', 0)).toBe(held);
  });
});
