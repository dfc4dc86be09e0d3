import fc from 'fast-check';
import * as parse from '../../../src/cli/arguments';

const refused = (work: () => unknown): void =>
  expect(work).toThrow(expect.objectContaining({ code: 'commander.invalidArgument' }));

test('a tenant never leaves its segment of a path', () => {
  expect(parse.tenant('acme-1.eu')).toBe('acme-1.eu');
  for (const text of ['', '.', '..', 'a..b', 'a/b', 'a b', '-a', 'a%2f', 'é', 'a'.repeat(101)])
    refused(() => parse.tenant(text));
});

test('ids of events stay text', () => {
  expect(parse.eventId('9223372036854775807')).toBe('9223372036854775807');
  expect(parse.eventIds('2', parse.eventIds('1', undefined))).toEqual(['1', '2']);
  for (const text of ['0', '-1', '1.0', '1e3', ' 1', '', '12345678901234567890']) refused(() => parse.eventId(text));
});

test('numbers, rates and weights', () => {
  expect([
    parse.count('0'),
    parse.positive('7'),
    parse.limitBody(parse.limit('none')),
    parse.limit('0'),
    parse.weight('2.5'),
  ]).toEqual([0, 7, null, 0, 2.5]);
  for (const text of ['', '-1', 'x', '1.5', '1e3']) refused(() => parse.count(text));
  for (const text of ['', '-1', 'null', '1.2345', 'Infinity']) refused(() => parse.limit(text));
  for (const text of ['0', '0.000', '', '-2']) refused(() => parse.weight(text));
  refused(() => parse.positive('0'));
});

test('a time has a zone, or is a duration from now', () => {
  expect(parse.past('2026-01-31T12:00:00+02:00')).toBe('2026-01-31T10:00:00.000Z');
  for (const text of ['2026-01-31', '2026-01-31T12:00:00', 'yesterday', '5', '2026-13-01T00:00:00Z', '']) {
    refused(() => parse.past(text));
  }
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.constantFrom('s', 'm', 'h', 'd'), (n, unit) => {
      const ms = n * { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit];
      expect(parse.span(`${n}${unit}`)).toBe(ms);
      const before = Date.now();
      const [past, future] = [Date.parse(parse.past(`${n}${unit}`)), Date.parse(parse.future(`${n}${unit}`))];
      const after = Date.now();
      expect(past).toBeGreaterThanOrEqual(before - ms);
      expect(past).toBeLessThanOrEqual(after - ms);
      expect(future).toBeGreaterThanOrEqual(before + ms);
      expect(future).toBeLessThanOrEqual(after + ms);
    }),
  );
});
