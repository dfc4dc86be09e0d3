import { ByteWriter } from '../../../src/sinks/kafka/byte-writer';
import { crc32c } from '../../../src/sinks/kafka/crc32c';

export interface Epoch {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface SeenBatch {
  readonly offset: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly kind: 'data' | 'commit' | 'abort';
  /** Of a data batch's only record. */
  readonly value: string;
}

const OVERHEAD = 61;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

/** A record batch (format v2) with one record without key. */
export function oneRecordBatch(value: string, epoch: Epoch, sequence: number, transactional: boolean): Buffer {
  const bytes = Buffer.from(value);
  const record = new ByteWriter(256);
  record.int8(0);
  record.varint(0);
  record.varint(0);
  record.varint(-1);
  record.varintBytes(bytes);
  record.varint(0);
  const writer = new ByteWriter(512);
  const now = BigInt(Date.now());
  writer.int64(0n);
  writer.int32(0);
  writer.int32(0);
  writer.int8(2);
  const checksumAt = writer.position;
  writer.int32(0);
  writer.int16(transactional ? TRANSACTIONAL : 0);
  writer.int32(0);
  writer.int64(now);
  writer.int64(now);
  writer.int64(BigInt(epoch.producerId));
  writer.int16(epoch.producerEpoch);
  writer.int32(sequence);
  writer.int32(1);
  writer.varint(record.position);
  writer.bytes(record.written());
  writer.int32At(writer.position - 12, 8);
  writer.uint32At(crc32c(writer.buffer, checksumAt + 4, writer.position), checksumAt);
  return Buffer.from(writer.written());
}

/** The batches of a fetched record set; a batch that was cut off at its end is left out. */
export function readBatches(raw: Buffer): SeenBatch[] {
  const found: SeenBatch[] = [];
  for (let at = 0; at + OVERHEAD <= raw.length;) {
    const size = raw.readInt32BE(at + 8) + 12;
    if (at + size > raw.length) break;
    const attributes = raw.readInt16BE(at + 21);
    const record = raw.subarray(at + OVERHEAD, at + size);
    found.push({
      offset: Number(raw.readBigInt64BE(at)),
      producerId: Number(raw.readBigInt64BE(at + 43)),
      producerEpoch: raw.readInt16BE(at + 51),
      ...contents(record, (attributes & CONTROL) !== 0),
    });
    at += size;
  }
  return found;
}

/** Lengths of a spike's records are one byte: size, attributes, two deltas, then key and value with their lengths. */
function contents(record: Buffer, isControl: boolean): Pick<SeenBatch, 'kind' | 'value'> {
  if (isControl) return { kind: record.readInt16BE(7) === 1 ? 'commit' : 'abort', value: '' };
  const start = 5;
  const length = record.readUInt8(start) >> 1;
  return { kind: 'data', value: record.subarray(start + 1, start + 1 + length).toString() };
}
