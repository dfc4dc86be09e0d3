import fc from 'fast-check';
import type { OutboxEvent } from '../../src/domain/event';

/** An event for tests of sinks: correct unless a test changes it. */
export function outboxEvent(number: number, changes: Partial<OutboxEvent> = {}): OutboxEvent {
  return {
    id: String(number),
    tenant: 'acme',
    dedupeKey: `dedupe-${number}`,
    topic: 'orders',
    type: 'order.created',
    key: `order-${number % 7}`,
    headers: null,
    payload: Buffer.from(JSON.stringify({ number })),
    contentType: 'application/json',
    createdAt: new Date(Date.UTC(2026, 0, 1) + number).toISOString(),
    attempts: 0,
    lane: 'live',
    ...changes,
  };
}

/** Texts that are hard to encode: empty, long, of any plane, with lone surrogates. */
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.string({ minLength: 20, maxLength: 70 }),
  fc.string({ unit: 'grapheme', minLength: 20, maxLength: 70 }),
  fc.constantFrom('\ud800', 'a\udfff', '\0', '', 'é'.repeat(63), '€'.repeat(64)),
);

/** Any event that the record encoding must take, far beyond what the tables allow. */
export const anyEvent: fc.Arbitrary<OutboxEvent> = fc.record({
  id: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }).map(String),
  tenant: fc.constant('acme'),
  dedupeKey: text,
  topic: fc.constantFrom('orders', 'a.b-c_d'),
  type: text,
  key: fc.option(text),
  headers: fc.option(fc.dictionary(text, text, { maxKeys: 70, noNullPrototype: true })),
  payload: fc.option(
    fc.oneof(
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.integer({ min: 0, max: 40_000 }).map((size) => Buffer.alloc(size, 'x')),
    ),
  ),
  contentType: fc.option(text),
  createdAt: fc
    .date({ min: new Date('1971-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
    .map((date) => date.toISOString()),
  attempts: fc.nat(),
  lane: fc.constantFrom('live' as const, 'replay' as const),
  replay: fc.option(
    fc.record({ copyId: fc.nat().map(String), replayId: text, count: fc.integer({ min: 1, max: 1_000_000 }) }),
    { nil: undefined },
  ),
});
