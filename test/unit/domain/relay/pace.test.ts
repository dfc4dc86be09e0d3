import fc from 'fast-check';
import { Pace, TARGET_MS } from '../../../../src/domain/relay/pace';
import { same } from './same';

const LIMITS = { maxEvents: 6_000, maxBytes: 8_388_608 };
const EVENT_BYTES = 100;

/** A machine on which n events take fixed + n × each ms, more or less. */
interface Machine {
  readonly fixed: number;
  readonly each: number;
  readonly noise: readonly number[];
}

const noise = fc.array(fc.double({ min: -0.25, max: 0.25, noNaN: true }), { minLength: 7, maxLength: 31 });
const ms = fc.oneof(fc.double({ min: 0, max: 100, noNaN: true }), fc.constantFrom(0, 1e-9, 30_000, 1e9));

/** Full batches, one after the other; answers their sizes. */
function run(pace: Pace, { fixed, each, noise: by }: Machine, batches: number): number[] {
  return Array.from({ length: batches }, (_, i) => {
    const { events } = pace.budget();
    const took = (fixed + each * events) * (1 + (by[i % by.length] ?? 0));
    pace.took({ events, bytes: events * EVENT_BYTES, transactionMs: took, settleMs: took / 2 });
    return events;
  });
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;
}

describe('pace of a relay', () => {
  it('comes to batches that take about 25 ms and stays there', () => {
    const fixed = fc.double({ min: 0, max: 11, noNaN: true });
    const each = fc.double({ min: 0.003, max: 0.4, noNaN: true });
    fc.assert(
      fc.property(fixed, each, noise, (of, per, by) => {
        const pace = new Pace(LIMITS);
        run(pace, { fixed: of, each: per, noise: by }, 60);
        const events = median(run(pace, { fixed: of, each: per, noise: by }, 60));
        const took = of + per * events;
        const atBound = (events <= 60 && took > TARGET_MS) || (events >= 5_000 && took < TARGET_MS);
        if (!atBound) expect(Math.abs(took - TARGET_MS)).toBeLessThan(0.35 * TARGET_MS);
      }),
      { numRuns: 200 },
    );
  });

  it('does not shrink where the fixed cost alone takes the time', () => {
    const fixed = fc.double({ min: 25, max: 80, noNaN: true });
    const each = fc.double({ min: 0.01, max: 0.05, noNaN: true });
    fc.assert(
      fc.property(fixed, each, noise, (of, per, by) => {
        const pace = new Pace(LIMITS);
        // A lone event now and then tells what is fixed.
        for (let i = 0; i < 20; i += 1) {
          run(pace, { fixed: of, each: per, noise: by }, 5);
          pace.took({ events: 1, bytes: EVENT_BYTES, transactionMs: of, settleMs: 0 });
        }
        const events = median(run(pace, { fixed: of, each: per, noise: by }, 20));
        expect(events).toBeGreaterThanOrEqual(Math.min(6_000, (0.25 * of) / per));
        expect(events * per).toBeLessThanOrEqual(2.5 * of);
      }),
      { numRuns: 200 },
    );
  });

  it('stays within its bounds and moves by steps, whatever was measured', () => {
    const batch = fc.record({ events: fc.nat(10_000), bytes: fc.nat(20_000_000), transactionMs: ms, settleMs: ms });
    fc.assert(
      fc.property(
        fc.array(batch, { maxLength: 60, size: 'max' }),
        fc.integer({ min: 1, max: 10_000 }),
        (batches, maxEvents) => {
          const pace = new Pace({ ...LIMITS, maxEvents });
          let before = pace.budget();
          for (const one of batches) {
            pace.took(one);
            const { events, bytes } = pace.budget();
            const most = Math.min(6_000, maxEvents);
            if (!(events >= Math.min(50, most) && events <= most)) throw new Error(`${events} events`);
            if (!(bytes >= 65_536 && bytes <= LIMITS.maxBytes)) throw new Error(`${bytes} bytes`);
            expect(events / before.events).toBeGreaterThan(0.58);
            expect(events / before.events).toBeLessThan(1.52);
            expect(Math.abs(Math.log(bytes / before.bytes))).toBeLessThan(0.52);
            before = { events, bytes };
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('forgets one slow answer soon', () => {
    const pace = new Pace(LIMITS);
    const machine = { fixed: 5, each: 0.03, noise: [0] };
    run(pace, machine, 60);
    const usual = pace.budget().events;
    pace.took({ events: usual, bytes: 1, transactionMs: 30_000, settleMs: 0 });
    run(pace, machine, 30);
    expect(Math.abs(pace.budget().events - usual)).toBeLessThan(usual / 5);
  });

  it('learns nothing about its size from small batches, slow or fast', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 200 }), ms), { maxLength: 200, size: 'max' }),
        (batches) => {
          const pace = new Pace(LIMITS);
          const before = pace.budget();
          for (const [events, took] of batches) {
            pace.took({ events, bytes: events * EVENT_BYTES, transactionMs: took, settleMs: 0 });
            same(pace.budget(), before);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('goes by the slower of the two', () => {
    const sizes = (transactionMs: number, settleMs: number): number => {
      const pace = new Pace(LIMITS);
      for (let i = 0; i < 20; i += 1) {
        const { events } = pace.budget();
        pace.took({ events, bytes: 1, transactionMs: transactionMs * events, settleMs: settleMs * events });
      }
      return pace.budget().events;
    };
    expect(sizes(0.01, 0.1)).toBe(sizes(0.1, 0.01));
    expect(sizes(0.01, 0.1)).toBeLessThan(sizes(0.01, 0.05));
  });

  it('bounds the bytes of large events in the same way, and leaves the number of small ones alone', () => {
    const pace = new Pace(LIMITS);
    const { events } = pace.budget();
    const large = (msPerMb: number): number => {
      for (let i = 0; i < 30; i += 1) {
        const { bytes } = pace.budget();
        pace.took({ events: 10, bytes, transactionMs: (msPerMb * bytes) / 1e6, settleMs: 0 });
      }
      return (msPerMb * pace.budget().bytes) / 1e6;
    };
    expect(Math.abs(large(100) - TARGET_MS)).toBeLessThan(3);
    expect(Math.abs(large(5) - TARGET_MS)).toBeLessThan(3);
    expect(pace.budget().events).toBe(events);
  });
});
