import fc from 'fast-check';
import { grantable, initialQuota, refill, spend, waitForTokens } from '../../../src/domain/quota';

describe('quota', () => {
  it('never lets more through than rate × time + burst, whatever the clock does', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 5_000 }),
        fc.integer({ min: 1, max: 5_000 }),
        fc.array(fc.tuple(fc.integer({ min: -5_000, max: 5_000 }), fc.integer({ min: 1, max: 20_000 })), {
          maxLength: 80,
        }),
        (ratePerSecond, burst, moves) => {
          const config = { ratePerSecond, burst };
          let now = 1_000_000;
          let forward = 0;
          let through = 0;
          let state = initialQuota(config, now);
          for (const [after, wanted] of moves) {
            now += after;
            forward += Math.max(0, after);
            state = refill(state, config, now);
            const granted = grantable(state, config, wanted);
            expect(granted).toBeLessThanOrEqual(wanted);
            through += granted;
            state = spend(state, config, granted);
          }
          expect(through).toBeLessThanOrEqual((forward / 1000) * ratePerSecond + burst + 1e-6);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('says exactly how long to wait for the next event', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: -50, max: 0.99, noNaN: true }),
        (ratePerSecond, tokens) => {
          const config = { ratePerSecond, burst: 10 };
          const wait = waitForTokens({ tokens, at: 0 }, config, 5);
          expect(wait).not.toBeNull();
          expect(grantable(refill({ tokens, at: 0 }, config, wait ?? 0), config, 5)).toBeGreaterThanOrEqual(1);
        },
      ),
    );
  });

  it('stops at 0 and never limits at null', () => {
    const stopped = { ratePerSecond: 0, burst: 5 };
    expect(waitForTokens(initialQuota(stopped, 0), stopped, 5)).toBeNull();
    const free = { ratePerSecond: null, burst: 5 };
    expect(grantable(initialQuota(free, 0), free, 1_000)).toBe(1_000);
  });
});
