import { AnswerError } from './answer-error';
import { ByteWriter } from './byte-writer';
import type { OwnRequest } from './connections';

export interface CommittedOffset {
  /** Decimal string; "-1" = nothing committed. */
  readonly offset: string;
  readonly metadata: string;
}

/**
 * OffsetFetch version 7 with require_stable. kafkajs stops at version 4, whose answer may leave out an offset that a
 * transaction has already committed but whose marker has not been applied yet; version 7 answers UNSTABLE_OFFSET_COMMIT
 * instead. Without `stable` it answers what is committed beside a transaction that is still open. Its encoding is "flexible": compact strings and arrays (length + 1 as unsigned varint) and tagged fields, also
 * one byte of them at the end of the request header (here: in front of the body) and of the answer's header.
 */
export function offsetFetch(
  group: string,
  topic: string,
  partition: number,
  { stable = true }: { readonly stable?: boolean } = {},
): OwnRequest<CommittedOffset> {
  return {
    apiKey: 9,
    apiVersion: 7,
    apiName: 'OffsetFetch',
    encode: () => {
      const writer = new ByteWriter(512);
      writer.int8(0); // tagged fields of the request header
      compactText(writer, group);
      unsigned(writer, 2); // one topic
      compactText(writer, topic);
      unsigned(writer, 2); // one partition
      writer.int32(partition);
      writer.int8(0); // tagged fields of the topic
      writer.int8(stable ? 1 : 0); // require_stable
      writer.int8(0); // tagged fields of the request
      return Buffer.from(writer.written());
    },
    decode: (answer) => decode(answer, topic, partition),
  };
}

function decode(answer: Buffer, topic: string, partition: number): CommittedOffset {
  const reader = new CompactReader(answer);
  reader.taggedFields();
  reader.skip(4); // throttle time
  let found: { offset: string; metadata: string; errorCode: number } | null = null;
  for (let topics = reader.arrayLength(); topics > 0; topics -= 1) {
    const name = reader.text();
    for (let partitions = reader.arrayLength(); partitions > 0; partitions -= 1) {
      const index = reader.int32();
      const offset = reader.int64();
      reader.skip(4); // leader epoch
      const metadata = reader.text();
      const errorCode = reader.int16();
      reader.taggedFields();
      if (name === topic && index === partition) found = { offset: String(offset), metadata, errorCode };
    }
    reader.taggedFields();
  }
  const errorCode = reader.int16();
  if (errorCode !== 0) throw new AnswerError(errorCode, 'OffsetFetch');
  if (found === null) throw new Error(`the answer to OffsetFetch does not name ${topic}/${partition}`);
  if (found.errorCode !== 0) throw new AnswerError(found.errorCode, 'OffsetFetch');
  return { offset: found.offset, metadata: found.metadata };
}

function unsigned(writer: ByteWriter, value: number): void {
  let rest = value;
  while (rest > 0x7f) {
    writer.bytes(Uint8Array.of((rest & 0x7f) | 0x80));
    rest >>>= 7;
  }
  writer.int8(rest);
}

function compactText(writer: ByteWriter, text: string): void {
  const bytes = Buffer.from(text);
  unsigned(writer, bytes.length + 1);
  writer.bytes(bytes);
}

class CompactReader {
  #position = 0;

  constructor(private readonly buffer: Buffer) {}

  skip(bytes: number): void {
    this.#position += bytes;
  }

  int16(): number {
    return this.#read(2).readInt16BE();
  }

  int32(): number {
    return this.#read(4).readInt32BE();
  }

  int64(): bigint {
    return this.#read(8).readBigInt64BE();
  }

  /** Null reads as empty. */
  text(): string {
    return this.#read(Math.max(0, this.#unsigned() - 1)).toString('utf8');
  }

  /** Null reads as empty. */
  arrayLength(): number {
    return Math.max(0, this.#unsigned() - 1);
  }

  taggedFields(): void {
    for (let count = this.#unsigned(); count > 0; count -= 1) {
      this.#unsigned();
      this.skip(this.#unsigned());
    }
  }

  #unsigned(): number {
    let result = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#read(1).readUInt8();
      result += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return result;
    }
    throw new RangeError('a varint of more than 5 bytes');
  }

  #read(bytes: number): Buffer {
    const end = this.#position + bytes;
    if (end > this.buffer.length) throw new RangeError('the answer ends too early');
    const slice = this.buffer.subarray(this.#position, end);
    this.#position = end;
    return slice;
  }
}
