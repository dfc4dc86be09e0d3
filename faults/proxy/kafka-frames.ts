/** The API keys that relays and readers use. */
export const API_KEYS = {
  Produce: 0,
  Fetch: 1,
  ListOffsets: 2,
  Metadata: 3,
  FindCoordinator: 10,
  ApiVersions: 18,
  InitProducerId: 22,
  AddPartitionsToTxn: 24,
  EndTxn: 26,
} as const;

export type ApiName = keyof typeof API_KEYS;

/** Largest frame that is believed; more means that this is not Kafka's protocol. */
const MAX_FRAME = 256 * 1024 * 1024;

/** Cuts a byte stream into Kafka's frames (int32 length, then so many bytes). Frames are handed on with their length. */
export class FrameSplitter {
  #chunks: Buffer[] = [];
  #size = 0;

  /** The frames that `chunk` completes. */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    const frames: Buffer[] = [];
    for (let frame = this.#take(); frame !== null; frame = this.#take()) frames.push(frame);
    return frames;
  }

  #take(): Buffer | null {
    if (this.#size < 4) return null;
    let head = this.#chunks[0]!;
    if (head.length < 4) head = this.#join();
    const length = head.readInt32BE(0) + 4;
    if (length < 4 || length > MAX_FRAME) throw new Error(`a frame of ${length} bytes: this is not Kafka's protocol`);
    if (this.#size < length) return null;
    const all = this.#join();
    this.#chunks = length === all.length ? [] : [all.subarray(length)];
    this.#size -= length;
    return all.subarray(0, length);
  }

  #join(): Buffer {
    const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }
}

export interface RequestHead {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
}

/** Reads the head of a request frame (length included). */
export function requestHead(frame: Buffer): RequestHead {
  return { apiKey: frame.readInt16BE(4), apiVersion: frame.readInt16BE(6), correlationId: frame.readInt32BE(8) };
}

/** The correlation id of an answer frame. */
export function answerCorrelation(frame: Buffer): number {
  return frame.readInt32BE(4);
}

/** The transactional id of an EndTxn request and whether it commits; null if the frame is something else. */
export function readEndTxn(frame: Buffer): { readonly transactionalId: string; readonly commit: boolean } | null {
  const { apiKey, apiVersion } = requestHead(frame);
  if (apiKey !== API_KEYS.EndTxn) return null;
  const clientId = frame.readInt16BE(12);
  let at = 14 + Math.max(0, clientId);
  // From v3 on the protocol is "flexible": tagged fields end the head, and strings have a varint length (one byte below 127).
  const flexible = apiVersion >= 3;
  if (flexible) at += 1;
  const length = flexible ? varint(frame, at) : { value: frame.readInt16BE(at) + 1, bytes: 2 };
  const start = at + length.bytes;
  const end = start + length.value - 1;
  return { transactionalId: frame.toString('utf8', start, end), commit: frame.readInt8(end + 8 + 2) !== 0 };
}

function varint(frame: Buffer, at: number): { readonly value: number; readonly bytes: number } {
  let value = 0;
  for (let bytes = 0; ; bytes += 1) {
    const byte = frame.readUInt8(at + bytes);
    value |= (byte & 0x7f) << (7 * bytes);
    if (byte < 0x80) return { value, bytes: bytes + 1 };
  }
}
