import { createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import type { Batch, LedgerRecord } from '../../../src/domain/relay/types';
import { LedgerCodec, LedgerRecordError } from '../../../src/kafka/ledger/record';

const KEY = Buffer.alloc(32, 7);
const INSTALL = '0193a0f4-7c1e-7000-8000-000000000001';
const codec = new LedgerCodec(KEY, INSTALL);

const natural = fc.oneof(fc.nat(300), fc.maxSafeNat(), fc.constant(Number.MAX_SAFE_INTEGER));
/** Any well-formed text: empty, of any plane, with control characters. */
const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme', maxLength: 60 }), fc.constant(''));
const eventId = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), fc.nat().map(BigInt)).map(String);
const member = fc.record({
  eventId,
  replayId: fc.option(fc.oneof(text, fc.constantFrom('r1', 'r2')), { freq: 2 }),
  fingerprint: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
});
const group = fc.record({
  publisher: fc.record({ tenant: text, destination: fc.oneof(fc.constant('kafka'), text), shard: natural }),
  members: fc.array(member),
});
const record: fc.Arbitrary<LedgerRecord> = fc.oneof(
  fc.record({
    kind: fc.constant('barrier' as const),
    fence: natural,
    server: text,
    system: text,
    timeline: natural,
    wal: natural,
    generation: natural,
    from: fc.oneof(fc.constant(-1), fc.nat()),
    relays: natural,
  }),
  fc.record({ kind: fc.constant('batch' as const), fence: natural, seq: natural, groups: fc.array(group) }),
);

function refusal(bytes: Buffer, relay = 3, reader = codec): string {
  try {
    reader.decode(bytes, relay);
    return 'believed';
  } catch (error) {
    if (error instanceof LedgerRecordError) return error.kind;
    throw error;
  }
}

/** A batch of consecutive ids, as claims give them. */
function batchOf(tenants: number, each: number): Batch {
  const groups = Array.from({ length: tenants }, (_, tenant) => ({
    publisher: { tenant: `tenant-${tenant}`, destination: 'kafka', shard: 0 },
    members: Array.from({ length: each }, (__, i) => ({
      eventId: String(1_000_000_000 + i * tenants + tenant),
      replayId: null,
      fingerprint: (i * 2_654_435_761) >>> 0,
    })),
  }));
  return { kind: 'batch', fence: 12, seq: 345_678, groups };
}

describe('records of the ledger', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(record, fc.nat(1_000), (written, relay) => {
        expect(codec.decode(codec.encode(written, relay), relay)).toEqual(written);
      }),
      { numRuns: 500 },
    );
  });

  it('are refused with any bit flipped, any byte missing, any byte more', () => {
    fc.assert(
      fc.property(record, fc.nat(), fc.nat(7), (written, at, bit) => {
        const bytes = codec.encode(written, 3);
        const flipped = Buffer.from(bytes);
        flipped[at % bytes.length]! ^= 1 << bit;
        expect(refusal(flipped)).toBe('forged');
        expect(refusal(bytes.subarray(0, at % bytes.length))).toBe('forged');
        expect(refusal(Buffer.concat([bytes, Buffer.of(at & 0xff)]))).toBe('forged');
      }),
      { numRuns: 300 },
    );
  });

  it('are refused in another partition, by another installation, under another key', () => {
    const bytes = codec.encode(batchOf(2, 2), 3);
    expect(refusal(bytes)).toBe('believed');
    expect(refusal(bytes, 4)).toBe('forged');
    expect(refusal(bytes, 3, new LedgerCodec(KEY, 'another'))).toBe('forged');
    expect(refusal(bytes, 3, new LedgerCodec(randomBytes(32), INSTALL))).toBe('forged');
  });

  it('of 6,000 members stay below 8 bytes each, of one tenant and of a thousand', () => {
    const size = (batch: Batch): number => codec.encode(batch, 3).length / 6_000;
    expect(size(batchOf(1, 6_000))).toBeLessThan(5.1);
    expect(size(batchOf(1_000, 6))).toBeLessThan(10);
    expect(size(batchOf(20, 300))).toBeLessThan(6.1);
    expect(codec.decode(codec.encode(batchOf(1_000, 6), 3), 3)).toEqual(batchOf(1_000, 6));
  });

  it('that are sealed but not known are unreadable, not forged', () => {
    const sealed = (body: Buffer): Buffer => {
      const context = `${JSON.stringify(['temporal-outbox ledger', INSTALL, 3])}\n`;
      const seal = createHmac('sha256', KEY).update(context).update(body).digest().subarray(0, 16);
      return Buffer.concat([body, seal]);
    };
    expect(refusal(sealed(Buffer.of(2, 1, 0)))).toBe('unreadable'); // version
    expect(refusal(sealed(Buffer.of(1, 9, 0)))).toBe('unreadable'); // kind
    expect(refusal(sealed(Buffer.of(1, 1, 0, 0, 0, 0)))).toBe('unreadable'); // more than a barrier
    expect(refusal(sealed(Buffer.of(1, 2, 0, 1, 0, 255, 255, 255, 255, 15)))).toBe('unreadable'); // a count beyond the end
    expect(refusal(sealed(Buffer.of(1, 1, 0, 0, 0, 0, 0, 0, 0, 0)))).toBe('believed');
  });

  it('are not written with what would be read differently', () => {
    const origin = { server: 'a\ud800', system: '', timeline: 1, wal: 0, generation: 0 };
    const barrier = { ...origin, kind: 'barrier', fence: 1, from: -1, relays: 1 } as const;
    expect(() => codec.encode(barrier, 0)).toThrow('well-formed');
    expect(() => codec.encode({ ...barrier, server: '', fence: -1 }, 0)).toThrow('natural');
    expect(() => codec.encode({ ...barrier, server: '', fence: 2 ** 53 }, 0)).toThrow('natural');
    expect(() => new LedgerCodec(Buffer.alloc(16), 'x')).toThrow('32 bytes');
  });
});
