import type { OutboxEvent } from '../../domain/event';
import type { ByteWriter } from './byte-writer';
import { crc32c } from './crc32c';
import type { HeaderWriter } from './record-headers';

/** Bytes of a record batch before its first record. Counted by the topic's max.message.bytes, as the records are. */
export const BATCH_OVERHEAD = 61;
const MAGIC = 2;
const TRANSACTIONAL = 16;
/** Reserved for the length in front of a record: right for bodies of 64 to 8191 bytes; others are shifted. */
const LENGTH_BYTES = 2;

export interface KeyedEvent {
  readonly event: OutboxEvent;
  readonly key: Buffer;
}

export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

export interface BatchLimits {
  /** A batch is closed before a record that would make it larger than this, unless it is the only one. */
  readonly bytes: number;
  readonly records: number;
}

/**
 * Appends one record batch (format v2, uncompressed, transactional) with as many of `events` from index `from` on as the
 * limits allow, at least one. Returns how many it holds. The base timestamp is that of the first record, as in Java.
 */
export function writeRecordBatch(
  writer: ByteWriter,
  events: readonly KeyedEvent[],
  from: number,
  limits: BatchLimits,
  headers: HeaderWriter,
  identity: ProducerIdentity & { readonly firstSequence: number },
): number {
  const first = events[from];
  if (first === undefined) throw new RangeError(`no event at ${from}`);
  const start = writer.position;
  const baseTimestamp = headers.timestamp(first.event);
  writer.ensure(BATCH_OVERHEAD);
  writer.position += BATCH_OVERHEAD;
  let maxTimestamp = baseTimestamp;
  let count = 0;
  for (let i = from; i < events.length && count < limits.records; i += 1) {
    const keyed = events[i] as KeyedEvent;
    const before = writer.position;
    const timestamp = headers.timestamp(keyed.event);
    writeRecord(writer, keyed, count, timestamp - baseTimestamp, headers);
    if (count > 0 && writer.position - start > limits.bytes) {
      writer.position = before;
      break;
    }
    if (timestamp > maxTimestamp) maxTimestamp = timestamp;
    count += 1;
  }
  endRecordBatch(writer, start, { count, baseTimestamp, maxTimestamp }, identity);
  return count;
}

/** Writes the head of the batch that begins at `start` (BATCH_OVERHEAD bytes left free there) and ends where the writer stands. */
export function endRecordBatch(
  writer: ByteWriter,
  start: number,
  batch: { readonly count: number; readonly baseTimestamp: number; readonly maxTimestamp: number },
  identity: ProducerIdentity & { readonly firstSequence: number },
): void {
  const end = writer.position;
  writer.position = start;
  writer.int64(0n); // base offset: the broker's to give
  writer.int32(end - start - 12);
  writer.int32(0); // partition leader epoch: the broker's to set
  writer.int8(MAGIC);
  const checksumAt = writer.position;
  writer.int32(0);
  writer.int16(TRANSACTIONAL);
  writer.int32(batch.count - 1);
  writer.int64(BigInt(batch.baseTimestamp));
  writer.int64(BigInt(batch.maxTimestamp));
  writer.int64(identity.producerId);
  writer.int16(identity.producerEpoch);
  writer.int32(identity.firstSequence);
  writer.int32(batch.count);
  writer.position = end;
  writer.uint32At(crc32c(writer.buffer, checksumAt + 4, end), checksumAt);
}

/** Appends one record: length, attributes, deltas, key, value, headers. */
export function writeRecord(
  writer: ByteWriter,
  { event, key }: KeyedEvent,
  offsetDelta: number,
  timestampDelta: number,
  headers: HeaderWriter,
): void {
  const start = writer.position;
  writer.ensure(LENGTH_BYTES);
  writer.position += LENGTH_BYTES;
  writer.int8(0);
  writer.varlong(timestampDelta);
  writer.varint(offsetDelta);
  writer.varintBytes(key);
  writer.varintBytes(event.payload);
  headers.write(writer, event);
  writer.prefixLength(start, LENGTH_BYTES);
}
