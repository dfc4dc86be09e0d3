import type { EnqueueEvent } from '../../../src/client';
import { prepare } from '../../../src/client/prepare';

const event = (overrides: Record<string, unknown> = {}): EnqueueEvent =>
  ({ tenant: 'acme', topic: 'orders', type: 't', payload: {}, ...overrides }) as EnqueueEvent;

describe('what the library refuses before it asks the server', () => {
  it.each<[string, Record<string, unknown>]>([
    ['tenant', { tenant: '' }],
    ['tenant', { tenant: 'a/b' }],
    ['topic', { topic: '..' }],
    ['type', { type: 5 }],
    ['key', { key: '' }],
    ['key', { key: 'a\0b' }],
    ['key', { key: 'a\ud800' }],
    ['dedupeKey', { dedupeKey: 'x'.repeat(256) }],
    ['payload', { payload: undefined }],
    ['payload', { payload: () => 1 }],
    ['payload', { payload: 1n }],
    ['payload', { payload: { a: 'x\udc00' } }],
    ['payload', { payload: 'x'.repeat(524_288) }],
    ['headers', { headers: ['a'] }],
    ['headers', { headers: { a: 1 } }],
    ['headers', { headers: { 'Outbox-X': 'a' } }],
    ['headers', { headers: { a: 'x'.repeat(4097) } }],
  ])('%s: %j', (field, overrides) => {
    expect(() => prepare(event(overrides), 'event')).toThrow(
      expect.objectContaining({ code: 'EVENT_INVALID', message: expect.stringContaining(`event.${field}`) as string }),
    );
  });

  it('refuses a payload beside tombstone', () => {
    expect(() => prepare(event({ tombstone: true }), 'event')).toThrow('Leave one of them out.');
  });

  it('accepts text that only looks like an escaped surrogate, and pairs', () => {
    expect(prepare(event({ payload: { a: '\\ud800', b: '😀' } }), 'event').payload).toEqual(
      Buffer.from('{"a":"\\\\ud800","b":"😀"}'),
    );
  });
});
