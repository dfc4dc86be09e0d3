/** Reads an answer's bytes from front to back. Reading beyond the end throws RangeError. */
export class WireReader {
  #position = 0;

  constructor(private readonly bytes: Buffer) {}

  skip(bytes: number): void {
    this.#take(bytes);
  }

  int8(): number {
    return this.bytes.readInt8(this.#take(1));
  }

  int16(): number {
    return this.bytes.readInt16BE(this.#take(2));
  }

  int32(): number {
    return this.bytes.readInt32BE(this.#take(4));
  }

  /** As a number: offsets, times and producer ids stay below 2^53. */
  int64(): number {
    return Number(this.bytes.readBigInt64BE(this.#take(8)));
  }

  /** Length as int16; null reads as empty. */
  text(): string {
    return this.#text(this.int16());
  }

  /** Length + 1 as unsigned varint; null reads as empty. */
  compactText(): string {
    return this.#text(this.unsigned() - 1);
  }

  hex(bytes: number): string {
    const start = this.#take(bytes);
    return this.bytes.toString('hex', start, start + bytes);
  }

  array<T>(read: (reader: this) => T): T[] {
    return this.#array(this.int32(), read);
  }

  compactArray<T>(read: (reader: this) => T): T[] {
    return this.#array(this.unsigned() - 1, read);
  }

  /** Fields of newer versions than we know. */
  taggedFields(): void {
    for (let count = this.unsigned(); count > 0; count -= 1) {
      this.unsigned();
      this.skip(this.unsigned());
    }
  }

  unsigned(): number {
    let result = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.bytes.readUInt8(this.#take(1));
      result += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return result;
    }
    throw new RangeError('a varint of more than 5 bytes');
  }

  #text(length: number): string {
    if (length <= 0) return '';
    const start = this.#take(length);
    return this.bytes.toString('utf8', start, start + length);
  }

  #array<T>(count: number, read: (reader: this) => T): T[] {
    const all: T[] = [];
    for (let i = 0; i < count; i += 1) all.push(read(this));
    return all;
  }

  #take(bytes: number): number {
    const start = this.#position;
    if (bytes < 0 || start + bytes > this.bytes.length) throw new RangeError('the answer ends too early');
    this.#position = start + bytes;
    return start;
  }
}
