import fc from 'fast-check';
import { UNLIMITED_QUOTA, grantable, initialQuota, refill, spend, waitForTokens } from '../../../src/domain/quota';
import type { QuotaConfig } from '../../../src/domain/quota';
import { denied, initialUsage, keptUp, lastMinute, used } from '../../../src/domain/quota-usage';

const config = (part: Partial<QuotaConfig>): QuotaConfig => ({ ...UNLIMITED_QUOTA, ...part });
const LARGEST_EVENT = 3_000;

describe('quota', () => {
  it('never lets more through than rate × time + burst, whatever the clock does', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 5_000 }),
        fc.integer({ min: 1, max: 5_000 }),
        fc.integer({ min: 0, max: 100_000 }),
        fc.integer({ min: 1, max: 100_000 }),
        fc.array(
          fc.record({
            after: fc.integer({ min: -5_000, max: 5_000 }),
            wanted: fc.integer({ min: 1, max: 20_000 }),
            eventBytes: fc.integer({ min: 1, max: LARGEST_EVENT }),
          }),
          { maxLength: 80 },
        ),
        (ratePerSecond, burst, bytesPerSecond, byteBurst, moves) => {
          const limits = { ratePerSecond, burst, bytesPerSecond, byteBurst };
          let now = 1_000_000;
          let forward = 0;
          const through = { events: 0, bytes: 0 };
          let state = initialQuota(limits, now);
          for (const { after, wanted, eventBytes } of moves) {
            now += after;
            forward += Math.max(0, after);
            state = refill(state, limits, now);
            const grant = grantable(state, limits, wanted);
            if (grant.events > wanted) throw new Error('granted more than wanted');
            // As a drain does: events until one of the two is used up, so the last may exceed the bytes.
            const events = Math.min(grant.events, Math.ceil((grant.bytes ?? Infinity) / eventBytes));
            through.events += events;
            through.bytes += events * eventBytes;
            state = spend(state, limits, events, events * eventBytes);
          }
          expect(through.events).toBeLessThanOrEqual((forward / 1000) * ratePerSecond + burst + 1e-6);
          const debt = through.bytes - (forward / 1000) * bytesPerSecond - byteBurst;
          expect(debt).toBeLessThan(LARGEST_EVENT);
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
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.double({ min: -100_000, max: 0.99, noNaN: true }),
        (ratePerSecond, tokens, bytesPerSecond, byteTokens) => {
          const limits = config({ ratePerSecond, burst: 10, bytesPerSecond, byteBurst: 50_000 });
          const state = { tokens, byteTokens, at: 0 };
          const wait = waitForTokens(state, limits, 5) ?? NaN;
          // A float's rounding may cost one more millisecond, never a stuck tenant.
          expect(grantable(refill(state, limits, wait + 1), limits, 5).events).toBeGreaterThanOrEqual(1);
          expect(grantable(refill(state, limits, wait - 2), limits, 5).events).toBe(0);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('stops at 0 of either kind and never limits at null', () => {
    for (const stopped of [config({ ratePerSecond: 0, burst: 5 }), config({ bytesPerSecond: 0 })]) {
      expect(waitForTokens(initialQuota(stopped, 0), stopped, 5)).toBeNull();
      expect(grantable(refill(initialQuota(stopped, 0), stopped, 1e12), stopped, 5).events).toBe(0);
    }
    expect(grantable(initialQuota(UNLIMITED_QUOTA, 0), UNLIMITED_QUOTA, 5_000)).toEqual({ events: 5_000, bytes: null });
  });

  it('an event larger than the burst goes from a full bucket and is paid off', () => {
    const limits = config({ bytesPerSecond: 1_000, byteBurst: 2_000 });
    const full = initialQuota(limits, 0);
    expect(grantable(full, limits, 1)).toEqual({ events: 1, bytes: 2_000 });
    const paid = spend(full, limits, 1, 10_000);
    expect(waitForTokens(paid, limits, 1)).toBe(8_250);
  });
});

describe('quota usage', () => {
  it('shows about the last minute and how long a tenant has been held up', () => {
    let usage = initialUsage(0);
    for (let second = 0; second < 120; second += 1) usage = used(usage, second * 1_000, 10, 1_000);
    expect(lastMinute(usage, 120_000)).toEqual({ events: 600, bytes: 60_000 });
    expect(lastMinute(usage, 150_000)).toEqual({ events: 300, bytes: 30_000 });
    expect(lastMinute(usage, 10_000_000)).toEqual({ events: 0, bytes: 0 });
    usage = denied(denied(usage, 5), 9);
    expect(usage).toMatchObject({ denials: 2, throttledSince: 5 });
    expect(keptUp(usage).throttledSince).toBeNull();
  });

  it('stays within what was recorded, whatever the clock does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: -200_000, max: 200_000 }), fc.nat(1_000)), { maxLength: 40 }),
        (moves) => {
          let usage = initialUsage(0);
          let now = 0;
          let sum = 0;
          for (const [after, events] of moves) {
            now += after;
            sum += events;
            usage = used(usage, now, events, 0);
            const { events: shown } = lastMinute(usage, now);
            if (shown < 0 || shown > sum + 1) throw new Error(`${shown} of ${sum}`);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
