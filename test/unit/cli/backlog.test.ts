import fc from 'fast-check';
import { judge } from '../../../src/cli/backlog';
import { countText } from '../../../src/cli/counts';

const NOW = Date.parse('2026-01-01T00:00:00Z');

test('above means more than the bound, or older', () => {
  const backlog = (count: number, ageMs: number | null) => ({
    tenant: 'a',
    events: { count, exact: true },
    oldestAt: ageMs === null ? null : new Date(NOW - ageMs).toISOString(),
  });
  expect(judge(backlog(100, 1), { maxEvents: 100, maxAgeMs: null }, NOW)).toBe('within');
  expect(judge(backlog(101, 1), { maxEvents: 100, maxAgeMs: null }, NOW)).toBe('above');
  expect(judge(backlog(5, 60_000), { maxEvents: null, maxAgeMs: 60_000 }, NOW)).toBe('within');
  expect(judge(backlog(5, 60_001), { maxEvents: 100, maxAgeMs: 60_000 }, NOW)).toBe('above');
  expect(judge(backlog(0, null), { maxEvents: 0, maxAgeMs: 0 }, NOW)).toBe('within');
});

test('a capped count is never taken for the whole', () => {
  fc.assert(
    fc.property(fc.nat(20_000), fc.nat(20_000), fc.nat(20_000), (cap, more, bound) => {
      const verdict = judge(
        { tenant: 'a', events: { count: cap, exact: false }, oldestAt: null },
        { maxEvents: bound, maxAgeMs: null },
        NOW,
      );
      // Whatever the real number is, from the cap on, the verdict is not wrong about it.
      if (verdict === 'within') throw new Error('within cannot be known');
      if (verdict === 'above') expect(cap + more).toBeGreaterThan(bound);
    }),
  );
  expect(countText({ count: 10_000, exact: false })).toBe('10000 or more');
  expect(countText({ count: 3, exact: true })).toBe('3');
});
