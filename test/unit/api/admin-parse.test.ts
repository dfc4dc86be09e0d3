import fc from 'fast-check';
import { z } from 'zod';
import { eventId, timestamp } from '../../../src/api/admin/contract';
import { decodeCursor, encodeCursor } from '../../../src/api/admin/cursor';
import { parseAdminKey } from '../../../src/postgres/admin-keys';
import { keyChecksum, parseKey } from '../../../src/postgres/keys';

test('a cursor comes back as it was, and text that is none is refused as the caller’s mistake', () => {
  const contract = z.tuple([z.string(), z.int().min(0)]);
  fc.assert(
    fc.property(fc.string(), fc.nat(), (text, number) => {
      expect(decodeCursor(contract, encodeCursor([text, number]))).toEqual([text, number]);
    }),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json().map((json) => Buffer.from(json).toString('base64url')),
      ),
      (text) => {
        try {
          expect(contract.safeParse(decodeCursor(contract, text)).success).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid_parameter' });
        }
      },
    ),
  );
  expect(decodeCursor(contract, undefined)).toBeNull();
});

test('event ids: decimal strings up to bigint, numbers up to 2^53 - 1, nothing that was rounded', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 9_223_372_036_854_775_807n }), (id) => {
      expect(eventId.parse(String(id))).toBe(String(id));
      const asNumber = eventId.safeParse(JSON.parse(String(id)));
      expect(asNumber.success).toBe(id <= BigInt(Number.MAX_SAFE_INTEGER));
      if (asNumber.success) expect(asNumber.data).toBe(String(id));
    }),
  );
  for (const bad of [
    '0',
    '01',
    '-1',
    '1.0',
    '1e3',
    '9223372036854775808',
    ' 1',
    '٣',
    '',
    0,
    -1,
    1.5,
    2 ** 53,
    null,
    true,
  ]) {
    expect(eventId.safeParse(bad).success).toBe(false);
  }
});

test('times go on in UTC, whatever offset they came with', () => {
  expect(timestamp.parse('2026-01-02T03:04:05.678+23:59')).toBe('2026-01-01T03:05:05.678Z');
  for (const bad of [
    '2026-02-30T00:00:00Z',
    '2026-01-01',
    '2026-01-01T00:00:00',
    '1969-12-31T23:59:59Z',
    '99999-01-01T00:00:00Z',
  ])
    expect(timestamp.safeParse(bad).success).toBe(false);
});

test('an admin key is never taken for a tenant key, nor the reverse', () => {
  const id = 'a'.repeat(12);
  const secret = 'b'.repeat(64);
  const admin = `obx_admin_${id}_${secret}`;
  const tenant = `obx_${id}_${secret}`;
  expect(parseAdminKey(`${admin}_${keyChecksum(admin)}`)).toEqual({ keyId: id, secret });
  expect(parseAdminKey(`${admin}_${keyChecksum(tenant)}`)).toBeNull();
  expect(parseKey(`${admin}_${keyChecksum(admin)}`)).toBeNull();
  expect(parseAdminKey(`${tenant}_${keyChecksum(tenant)}`)).toBeNull();
});
