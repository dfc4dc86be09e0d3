import fc from 'fast-check';
import {
  CLOSED_BREAKER,
  MAX_TRANSITIONS,
  breakerAllows,
  breakerFailed,
  breakerOpenedByOperator,
  breakerProbing,
  breakerResetByOperator,
  breakerSucceeded,
  openBreakerOf,
  reopened,
} from '../../../src/domain/breaker';
import type { BreakerState } from '../../../src/domain/breaker';

const CONFIG = { threshold: 3, resetMs: 60_000 };
interface Step {
  readonly kind: 'fail' | 'succeed' | 'probe' | 'open' | 'reset' | 'lost';
  readonly after: number;
  readonly random: number;
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('fail', 'fail', 'fail', 'succeed', 'probe', 'probe', 'open', 'reset', 'lost'),
    // Clocks jump back as well.
    after: fc.integer({ min: -100_000, max: 1_000_000 }),
    random: fc.double({ min: 0, max: 0.999, noNaN: true }),
  }),
  { maxLength: 40 },
);

function apply(state: BreakerState, step: Step, now: number): BreakerState {
  if (step.kind === 'succeed') return breakerSucceeded(state, now);
  if (step.kind === 'fail') return breakerFailed(state, CONFIG, now, 'KAFKA_UNAVAILABLE', step.random);
  if (step.kind === 'open') return breakerOpenedByOperator(state, now, 'ops: maintenance');
  if (step.kind === 'reset') return breakerResetByOperator(state, now, 'ops reset it');
  if (step.kind === 'lost') {
    // A terminated workflow comes back with what the row kept.
    const saved = openBreakerOf(state);
    return saved === null ? state : reopened(JSON.parse(JSON.stringify(saved)) as typeof saved);
  }
  return breakerAllows(state, now).allow === 'probe' ? breakerProbing(state, now) : state;
}

const LEGAL: Record<Step['kind'], readonly string[]> = {
  fail: ['closed>open', 'half-open>open'],
  succeed: ['half-open>closed'],
  probe: ['open>half-open'],
  open: ['closed>open', 'half-open>open'],
  reset: ['open>closed', 'half-open>closed'],
  lost: ['half-open>open'],
};

describe('circuit breaker', () => {
  it('makes legal transitions only, and lists the last of them', () => {
    fc.assert(
      fc.property(steps, (all) => {
        let state = CLOSED_BREAKER;
        let now = 1_800_000_000_000;
        for (const step of all) {
          now += step.after;
          const next = apply(state, step, now);
          const move = `${state.state}>${next.state}`;
          if (state.state !== next.state) expect(LEGAL[step.kind]).toContain(move);
          if (step.kind === 'fail' && move === 'closed>open') expect(next.failures).toBe(CONFIG.threshold);
          if (next.state === 'open') expect(next.nextProbeAt === null).toBe(next.manual);
          if (next.state === 'closed') expect(next).toMatchObject({ openings: 0, manual: false });
          if (next.state !== state.state && step.kind !== 'lost') {
            expect(next.transitions.at(-1)).toMatchObject({ from: state.state, to: next.state, at: now });
          }
          expect(next.transitions.length).toBeLessThanOrEqual(MAX_TRANSITIONS);
          state = next;
        }
        expect(JSON.parse(JSON.stringify(state))).toEqual(state);
      }),
      { numRuns: 2_000 },
    );
  });

  it('lets one probe through when it is due, and nothing before', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.integer({ min: -1e9, max: 1e9 }),
        (random, late) => {
          let state = CLOSED_BREAKER;
          for (let i = 0; i < CONFIG.threshold; i += 1) state = breakerFailed(state, CONFIG, 0, 'x', random);
          const due = state.nextProbeAt ?? NaN;
          expect(breakerAllows(state, due + late).allow).toBe(late >= 0 ? 'probe' : 'none');
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('waits at least 0.8 and at most 12 reset intervals before a probe, longer each time', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 40 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (openings, random) => {
          const half: BreakerState = { ...CLOSED_BREAKER, state: 'half-open', failures: 3, openings };
          const wait = (breakerFailed(half, CONFIG, 0, 'x', random).nextProbeAt ?? NaN) / CONFIG.resetMs;
          expect(wait).toBeGreaterThanOrEqual(0.8 * Math.min(2 ** openings, 10));
          expect(wait).toBeLessThanOrEqual(12);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('counts failures in a row only', () => {
    let state = CLOSED_BREAKER;
    for (const failed of [true, true, false, true, true]) {
      state = failed ? breakerFailed(state, CONFIG, 0, 'x', 0.5) : breakerSucceeded(state, 0);
    }
    expect(state).toMatchObject({ state: 'closed', failures: 2 });
    expect(breakerFailed(state, CONFIG, 0, 'x', 0.5).state).toBe('open');
  });

  it('a failed probe opens it again, whatever the threshold is by now, and it says since when it has been open', () => {
    let state = CLOSED_BREAKER;
    for (let i = 0; i < CONFIG.threshold; i += 1) state = breakerFailed(state, CONFIG, 1_000, 'x', 0.5);
    const again = breakerFailed(breakerProbing(state, 61_000), { ...CONFIG, threshold: 9 }, 62_000, 'x', 0.5);
    expect(again).toMatchObject({ state: 'open', openings: 2, openedAt: 1_000, nextProbeAt: 182_000 });
  });

  it('stays open, without probes, while an operator holds it open', () => {
    const held = breakerOpenedByOperator(CLOSED_BREAKER, 5, 'ops: maintenance');
    expect(breakerAllows(held, 1e15)).toEqual({ allow: 'none', until: null });
    expect(breakerProbing(held, 6)).toBe(held);
    expect(breakerSucceeded(held, 6)).toBe(held);
    expect(breakerFailed(held, CONFIG, 6, 'x', 0)).toBe(held);
    expect(openBreakerOf(held)).toBeNull();
  });

  it('comes back as open as it was after a lost workflow, half-open included', () => {
    let state = CLOSED_BREAKER;
    for (let i = 0; i < 3; i += 1) state = breakerFailed(state, CONFIG, 1_000, 'KAFKA_UNAVAILABLE: down', 0.5);
    const back = reopened(openBreakerOf(state) ?? fail());
    expect(back).toMatchObject({ state: 'open', failures: 3, openings: 1, nextProbeAt: 61_000, openedAt: 1_000 });
    const probing = reopened(openBreakerOf(breakerProbing(state, 61_000)) ?? fail());
    expect(breakerAllows(probing, 61_000)).toEqual({ allow: 'probe' });
  });
});

function fail(): never {
  throw new Error('nothing was saved');
}
