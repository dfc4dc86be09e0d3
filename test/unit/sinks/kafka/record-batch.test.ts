import fc from 'fast-check';
import Decoder from 'kafkajs/src/protocol/decoder';
import crc32cOfKafkajs from 'kafkajs/src/protocol/recordBatch/crc32C';
import Record from 'kafkajs/src/protocol/recordBatch/record/v0';
import { RecordBatch } from 'kafkajs/src/protocol/recordBatch/v0';
import decodeRecordBatch from 'kafkajs/src/protocol/recordBatch/v0/decoder';
import type { OutboxEvent } from '../../../../src/domain/event';
import { RESERVED_HEADERS } from '../../../../src/domain/event';
import { ByteWriter } from '../../../../src/sinks/kafka/byte-writer';
import { crc32c } from '../../../../src/sinks/kafka/crc32c';
import { messageKey } from '../../../../src/sinks/kafka/partitioner';
import { BATCH_OVERHEAD, writeRecordBatch } from '../../../../src/sinks/kafka/record-batch';
import { HeaderWriter } from '../../../../src/sinks/kafka/record-headers';
import { anyEvent, outboxEvent } from '../../../support/kafka-events';

const PRODUCER = 'publisher:acme@0193a0f4-7c1e-7000-8000-000000000001';
const IDENTITY = { producerId: 4_711_000_000_001n, producerEpoch: 12, firstSequence: 2_147_483_000 };
const UNLIMITED = { bytes: Number.MAX_SAFE_INTEGER, records: Number.MAX_SAFE_INTEGER };

function encode(events: readonly OutboxEvent[], limits = UNLIMITED, writer = new ByteWriter(16)) {
  const keyed = events.map((event) => ({ event, key: messageKey(event, () => 'tenant') }));
  const count = writeRecordBatch(writer, keyed, 0, limits, new HeaderWriter(PRODUCER), IDENTITY);
  return { count, bytes: writer.written() };
}

/** The headers that the documentation promises, in its order. */
function headersOf(event: OutboxEvent): { [name: string]: string } {
  const { traceparent, ...own } = event.headers ?? {};
  return {
    'tenant-id': event.tenant,
    'dedupe-key': event.dedupeKey,
    'event-id': event.id,
    'event-type': event.type,
    'event-topic': event.topic,
    'event-created-at': event.createdAt,
    'content-type': event.contentType ?? 'application/octet-stream',
    'retry-count': String(event.attempts),
    'processing-attempt': String(event.attempts + 1),
    'x-timestamp-ms': String(Date.parse(event.createdAt)),
    'x-schema-version': '1.0',
    'x-producer-id': PRODUCER,
    ...(event.replay === undefined
      ? {}
      : { 'outbox-replay-id': event.replay.replayId, 'outbox-replay-count': String(event.replay.count) }),
    ...(traceparent === undefined ? {} : { traceparent }),
    ...own,
  };
}

const wellFormedText = (text: string): string => Buffer.from(text).toString();

async function encodeWithKafkajs(events: readonly OutboxEvent[]): Promise<Buffer> {
  const times = events.map((event) => Date.parse(event.createdAt));
  const [firstTimestamp = 0] = times;
  const batch = await RecordBatch({
    firstTimestamp,
    maxTimestamp: Math.max(...times),
    lastOffsetDelta: events.length - 1,
    transactional: true,
    producerId: String(IDENTITY.producerId),
    producerEpoch: IDENTITY.producerEpoch,
    firstSequence: IDENTITY.firstSequence,
    records: events.map((event, offsetDelta) =>
      Record({
        offsetDelta,
        timestampDelta: (times[offsetDelta] ?? 0) - firstTimestamp,
        key: messageKey(event, () => 'tenant'),
        value: event.payload,
        headers: headersOf(event),
      }),
    ),
  });
  return batch.buffer;
}

/** Names that JavaScript objects would move to the front are left out: kafkajs takes its headers from an object. */
const comparable = anyEvent.map((event) => ({
  ...event,
  headers:
    event.headers === null
      ? null
      : Object.fromEntries(
          Object.entries(event.headers).filter(([name]) => !/^\d+$/.test(name) && !RESERVED_HEADERS.includes(name)),
        ),
}));

describe('record batches', () => {
  it('are byte for byte what kafkajs encodes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(comparable, { minLength: 1, maxLength: 6 }), async (events) => {
        const { bytes, count } = encode(events);
        expect(count).toBe(events.length);
        expect(bytes.equals(await encodeWithKafkajs(events))).toBe(true);
      }),
      { numRuns: 200, endOnFailure: true },
    );
  });

  it('are read back by the decoder of kafkajs as the events that were written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyEvent, { minLength: 1, maxLength: 4 }), async (events) => {
        const { records } = await decodeRecordBatch(new Decoder(encode(events).bytes));
        expect(records).toHaveLength(events.length);
        for (const [i, event] of events.entries()) {
          const record = records[i];
          expect(record?.value).toEqual(event.payload);
          expect(record?.key).toEqual(messageKey(event, () => 'tenant'));
          expect(record?.timestamp).toBe(String(Date.parse(event.createdAt)));
          const texts = Object.entries(record?.headers ?? {}).map(([name, value]) => [name, value.toString()]);
          const wellFormed = Object.entries(headersOf(event)).map(([name, value]) => [
            wellFormedText(name),
            wellFormedText(value),
          ]);
          // Two names that differ only in a lone surrogate become one, and kafkajs decodes "toString" onto an object.
          const names = new Set(wellFormed.map(([name]) => name));
          if (names.size === wellFormed.length && ![...names].some((name) => (name ?? '') in {})) {
            expect(Object.fromEntries(texts)).toEqual(Object.fromEntries(wellFormed));
          }
        }
      }),
      { numRuns: 100, endOnFailure: true },
    );
  });

  it('write traceparent before the caller’s other headers', async () => {
    const event = outboxEvent(1, { headers: { b: '1', traceparent: '00-ab-cd-01', a: '2' } });
    const { records } = await decodeRecordBatch(new Decoder(encode([event]).bytes));
    expect(Object.keys(records[0]?.headers ?? {}).slice(-3)).toEqual(['traceparent', 'b', 'a']);
  });

  it('say application/octet-stream when there is no content type, and keep an empty one', async () => {
    const without = await decodeRecordBatch(new Decoder(encode([outboxEvent(1, { contentType: null })]).bytes));
    expect(String(without.records[0]?.headers['content-type'])).toBe('application/octet-stream');
    const both = [outboxEvent(1, { contentType: null }), outboxEvent(2, { contentType: '' })];
    const { records } = await decodeRecordBatch(new Decoder(encode(both).bytes));
    expect(records[1]?.headers['content-type']).toEqual(Buffer.alloc(0));
  });

  it('stop before the record that would exceed a limit, but hold at least one', () => {
    const events = Array.from({ length: 10 }, (_, i) => outboxEvent(i, { payload: Buffer.alloc(1_000) }));
    const one = encode(events, { bytes: 1, records: 100 });
    expect(one.count).toBe(1);
    const some = encode(events, { bytes: 5_000, records: 100 });
    expect(some.bytes.length).toBeLessThanOrEqual(5_000);
    expect(some.count).toBeGreaterThan(2);
    expect(encode(events, { bytes: Number.MAX_SAFE_INTEGER, records: 3 }).count).toBe(3);
    expect(encode(events.slice(0, some.count)).bytes.equals(some.bytes)).toBe(true);
    expect(one.bytes.length - BATCH_OVERHEAD).toBeGreaterThan(1_000);
  });

  it('carry timestamps that go backwards', async () => {
    const times = ['2026-05-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', '2026-09-01T00:00:00.000Z'];
    const events = times.map((createdAt, i) => outboxEvent(i, { createdAt }));
    const { records } = await decodeRecordBatch(new Decoder(encode(events).bytes));
    expect(records.map((record) => Number(record.timestamp))).toEqual(times.map((time) => Date.parse(time)));
  });
});

describe('crc32c', () => {
  it('equals the checksum of kafkajs for any range', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(20), (bytes, start) => {
        const from = Math.min(start, bytes.length);
        expect(crc32c(bytes, from, bytes.length)).toBe(crc32cOfKafkajs(Buffer.from(bytes.subarray(from))));
      }),
    );
  });

  it('knows the published check value', () => {
    expect(crc32c(Buffer.from('123456789'), 0, 9)).toBe(0xe3069283);
  });
});
