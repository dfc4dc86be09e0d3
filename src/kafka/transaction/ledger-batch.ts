import type { ByteWriter } from '../../sinks/kafka/byte-writer';
import { varintSize } from '../../sinks/kafka/byte-writer';

/** Attributes, time and offset deltas of 0, no key, no headers: a byte each. */
const FIXED_BYTES = 5;

/** Appends a Kafka record without key and headers: the partition says whose it is. */
export function writeLedgerRecord(writer: ByteWriter, value: Buffer): void {
  writer.varint(FIXED_BYTES + varintSize(value.length) + value.length);
  writer.int8(0);
  writer.varint(0);
  writer.varint(0);
  writer.varint(-1);
  writer.varintBytes(value);
  writer.varint(0);
}
