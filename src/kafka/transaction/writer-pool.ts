import { ByteWriter } from '../../sinks/kafka/byte-writer';

/** Idle buffers that are kept: as many as there may be leaders. */
const KEPT = 4;
/** A buffer that grew beyond this is not kept. */
const KEPT_BYTES = 8 * 1024 * 1024;

/** Buffers of requests, used again and again: a new one per request would be memory that the collector must return. */
export class WriterPool {
  readonly #idle: ByteWriter[] = [];

  async lend<T>(work: (writer: ByteWriter) => Promise<T>): Promise<T> {
    const writer = this.#idle.pop() ?? new ByteWriter();
    try {
      return await work(writer);
    } finally {
      if (this.#idle.length < KEPT && writer.buffer.length <= KEPT_BYTES) this.#idle.push(writer);
    }
  }
}
