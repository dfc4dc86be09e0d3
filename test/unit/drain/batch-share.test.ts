import fc from 'fast-check';
import { batchShare } from '../../../src/activities/drain/batch-share';

const configured = fc.record({
  events: fc.integer({ min: 1, max: 50_000 }),
  bytes: fc.integer({ min: 1, max: 2 ** 28 }),
});

describe('the share of a worker that one drain may fill', () => {
  it('is the configured limit while few drains run', () => {
    expect(batchShare({ events: 6_000, bytes: 4 << 20 }, 1)).toEqual({ events: 6_000, bytes: 4 << 20 });
    expect(batchShare({ events: 6_000, bytes: 4 << 20 }, 6)).toEqual({ events: 6_000, bytes: 4 << 20 });
  });

  it('never exceeds what is configured, never reaches zero, and only shrinks as more drains run', () => {
    fc.assert(
      fc.property(
        configured,
        fc.integer({ min: 1, max: 1_000 }),
        fc.integer({ min: 0, max: 1_000 }),
        (limit, busy, more) => {
          const share = batchShare(limit, busy);
          const smaller = batchShare(limit, busy + more);
          expect(share.events).toBeLessThanOrEqual(limit.events);
          expect(share.bytes).toBeLessThanOrEqual(limit.bytes);
          expect(Math.min(smaller.events, smaller.bytes)).toBeGreaterThan(0);
          expect(smaller.events).toBeLessThanOrEqual(share.events);
          expect(smaller.bytes).toBeLessThanOrEqual(share.bytes);
        },
      ),
    );
  });

  it('bounds what 50 drains hold together, whatever is configured', () => {
    const { events, bytes } = batchShare({ events: 50_000, bytes: 256 << 20 }, 50);
    expect(50 * events).toBeLessThanOrEqual(48_000);
    expect(50 * bytes).toBeLessThanOrEqual(32 << 20);
  });
});
