import fc from 'fast-check';
import { EVENT_LIMITS, RESERVED_HEADERS } from '../../../src/domain/event';
import { eventProblem } from '../../../src/domain/event-problem';

const headers = (value: unknown) => ({ key: null, headers: value as Record<string, string> });

describe('events that no topic takes', () => {
  it('are never those that the ways in accept', () => {
    const name = fc.string({ minLength: 1, maxLength: EVENT_LIMITS.headerNameLength, unit: 'binary' });
    const own = name.filter((n) => !/^(outbox-|ce_)/i.test(n) && !RESERVED_HEADERS.includes(n.toLowerCase()));
    const value = fc.string({ maxLength: 300, unit: 'binary' });
    const key = fc.option(fc.string({ minLength: 1, maxLength: EVENT_LIMITS.keyLength, unit: 'binary' }));
    fc.assert(
      fc.property(key, fc.option(fc.dictionary(own, value, { maxKeys: EVENT_LIMITS.headerCount })), (k, h) => {
        expect(eventProblem({ key: k, headers: h })).toBeNull();
      }),
    );
  });

  it.each<[string, unknown, RegExp]>([
    ['a number', { a: 1 }, /"a" is not a string/],
    ['null', { a: null }, /"a" is not a string/],
    ['a reserved name', { 'Event-Id': 'x' }, /reserved/],
    ['a reserved prefix', { 'outbox-x': 'x' }, /reserved/],
    ['an empty name', { '': 'x' }, /1 to 255/],
    ['a long name', { ['n'.repeat(256)]: 'x' }, /1 to 255/],
    ['a long value', { a: 'v'.repeat(EVENT_LIMITS.headerValueLength + 1) }, /more than 4096/],
    ['too many', Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`h${i}`, ''])), /65 headers/],
  ])('%s', (_name, value, problem) => {
    expect(eventProblem(headers(value))).toMatch(problem);
  });

  it('characters count, not units of UTF-16', () => {
    expect(eventProblem(headers({ a: '😀'.repeat(EVENT_LIMITS.headerValueLength) }))).toBeNull();
    expect(eventProblem({ key: '😀'.repeat(EVENT_LIMITS.keyLength), headers: null })).toBeNull();
    expect(eventProblem({ key: 'k'.repeat(EVENT_LIMITS.keyLength + 1), headers: null })).toMatch(/1 to 1024/);
  });
});
