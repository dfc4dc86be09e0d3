import type { ByteWriter } from '../../sinks/kafka/byte-writer';

/** Where a reader stands in a record's bytes. Reading beyond the end throws RangeError. */
export interface Cursor {
  readonly bytes: Buffer;
  position: number;
}

/** A number below 2^53 that keeps more than 6 bytes of varint exact only up to here. */
const EXACT_BYTES = 7;
const MOST_BYTES = 10;

/** Appends a non-negative integer of at most 53 bits, 7 bits a byte, lowest first. */
export function writeUnsigned(writer: ByteWriter, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is no natural number below 2^53`);
  writer.ensure(MOST_BYTES);
  const { buffer } = writer;
  let rest = value;
  while (rest > 0x7f) {
    buffer[writer.position++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  buffer[writer.position++] = rest;
}

export function readUnsigned(from: Cursor): number {
  const value = readWide(from);
  if (typeof value === 'bigint') throw new RangeError('a number is too large');
  return value;
}

/** Appends the step from one event id to the next, zigzag, of at most 64 bits. */
export function writeStep(writer: ByteWriter, before: number | bigint, now: number | bigint): void {
  if (typeof before === 'number' && typeof now === 'number') {
    const step = now - before;
    // Both are natural numbers, so the step is exact; doubled, it may not be.
    if (Math.abs(step) < 2 ** 51) return writeUnsigned(writer, step < 0 ? -2 * step - 1 : 2 * step);
  }
  const step = BigInt(now) - BigInt(before);
  let rest = step < 0n ? -2n * step - 1n : 2n * step;
  writer.ensure(MOST_BYTES);
  while (rest > 0x7fn) {
    writer.buffer[writer.position++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  writer.buffer[writer.position++] = Number(rest);
}

export function readStep(from: Cursor, before: number | bigint): number | bigint {
  const zigzag = readWide(from);
  if (typeof zigzag === 'number' && typeof before === 'number') {
    const now = before + (zigzag % 2 === 1 ? -(zigzag + 1) / 2 : zigzag / 2);
    if (Number.isSafeInteger(now)) return now;
  }
  const wide = BigInt(zigzag);
  return narrow(BigInt(before) + (wide & 1n ? -(wide + 1n) / 2n : wide / 2n));
}

/** The number of a decimal string, as a bigint only where it must be. */
export function integerOf(decimal: string): number | bigint {
  return decimal.length < 16 ? Number(decimal) : narrow(BigInt(decimal));
}

function narrow(value: bigint): number | bigint {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= 0n ? Number(value) : value;
}

function readWide(from: Cursor): number | bigint {
  let value = 0;
  let wide = 0n;
  for (let i = 0; i < MOST_BYTES; i += 1) {
    const byte = readByte(from);
    if (i < EXACT_BYTES) value += (byte & 0x7f) * 2 ** (7 * i);
    else wide |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) return wide === 0n ? value : narrow(wide | BigInt(value));
  }
  throw new RangeError(`a varint of more than ${MOST_BYTES} bytes`);
}

export function readByte(from: Cursor): number {
  const byte = from.bytes[from.position];
  if (byte === undefined) throw new RangeError('the record ends too early');
  from.position += 1;
  return byte;
}
