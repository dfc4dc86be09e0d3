import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { ByteWriter } from '../../../src/sinks/kafka/byte-writer';

/** One broker's address, as brokers tell it. */
export interface Node {
  readonly id: number;
  readonly host: string;
  readonly port: number;
}

export interface Call {
  readonly apiKey: number;
  readonly apiVersion: number;
  /** Newer encodings: compact lengths and tagged fields, also in both headers. */
  readonly flexible?: boolean;
  body(writer: ByteWriter): void;
}

/**
 * A bare connection to one broker: no time-outs, no retries, nothing behind the caller's back, so that what is measured is
 * the broker's. Answers come in the order of requests, as the protocol promises.
 */
export class Link {
  readonly #waiting = new Map<number, { resolve(answer: Reader): void; reject(error: Error): void }>();
  readonly #flexible = new Set<number>();
  #received: Buffer = Buffer.alloc(0);
  #correlation = 0;

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('connection closed'));
      this.#waiting.clear();
    });
  }

  static open({ host, port }: Node): Promise<Link> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port });
      socket.once('connect', () => resolve(new Link(socket)));
      socket.once('error', reject);
    });
  }

  get isClosed(): boolean {
    return this.socket.destroyed;
  }

  call({ apiKey, apiVersion, flexible = false, body }: Call): Promise<Reader> {
    if (this.isClosed) return Promise.reject(new Error('connection closed'));
    const id = (this.#correlation += 1);
    const writer = new ByteWriter(1024);
    writer.int32(0);
    writer.int16(apiKey);
    writer.int16(apiVersion);
    writer.int32(id);
    writer.text('spike');
    if (flexible) writer.int8(0);
    body(writer);
    writer.int32At(writer.position - 4, 0);
    if (flexible) this.#flexible.add(id);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.socket.write(Buffer.from(writer.written()));
    });
  }

  /** Resets the connection; what waits is rejected. What the kernel has taken may still reach the broker. */
  destroy(): void {
    this.socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 4) {
      const size = this.#received.readInt32BE(0);
      if (this.#received.length < size + 4) return;
      const reader = new Reader(this.#received.subarray(4, size + 4));
      this.#received = this.#received.subarray(size + 4);
      const id = reader.int32();
      if (this.#flexible.delete(id)) reader.tags();
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      waiting?.resolve(reader);
    }
  }
}

/** Reads an answer field by field. */
export class Reader {
  #position = 0;

  constructor(private readonly buffer: Buffer) {}

  skip(bytes: number): this {
    this.#position += bytes;
    return this;
  }

  int8(): number {
    return this.#read(1).readInt8();
  }

  int16(): number {
    return this.#read(2).readInt16BE();
  }

  int32(): number {
    return this.#read(4).readInt32BE();
  }

  int64(): number {
    return Number(this.#read(8).readBigInt64BE());
  }

  text(): string {
    return this.#read(Math.max(0, this.int16())).toString('utf8');
  }

  bytes(): Buffer {
    return this.#read(Math.max(0, this.int32()));
  }

  array<T>(read: () => T): T[] {
    return Array.from({ length: Math.max(0, this.int32()) }, read);
  }

  compactText(): string {
    return this.#read(Math.max(0, this.#unsigned() - 1)).toString('utf8');
  }

  compactArray<T>(read: () => T): T[] {
    return Array.from({ length: Math.max(0, this.#unsigned() - 1) }, read);
  }

  tags(): void {
    for (let count = this.#unsigned(); count > 0; count -= 1) {
      this.#unsigned();
      this.skip(this.#unsigned());
    }
  }

  #unsigned(): number {
    let result = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#read(1).readUInt8();
      result += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return result;
    }
  }

  #read(bytes: number): Buffer {
    const slice = this.buffer.subarray(this.#position, this.#position + bytes);
    if (slice.length < bytes) throw new RangeError('the answer ends too early');
    this.#position += bytes;
    return slice;
  }
}

/** Lengths below 127 only: the names of a spike. */
export function compactText(writer: ByteWriter, text: string): void {
  writer.int8(text.length + 1);
  writer.bytes(Buffer.from(text));
}
