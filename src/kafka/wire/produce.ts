import type { ByteWriter } from '../../sinks/kafka/byte-writer';
import type { OwnRequest } from '../../sinks/kafka/connections';
import { WireReader } from './wire-reader';

const PRODUCE = 0;
/** The last version without tagged fields; the first whose answer says which record of a batch was refused, and why. */
const VERSION = 8;
const ALL_IN_SYNC_REPLICAS = -1;

export interface ProducePart {
  readonly topic: string;
  readonly partition: number;
}

export interface ProduceHead {
  readonly transactionalId: string;
  /** Longest wait (ms) of the broker for its replicas. */
  readonly timeoutMs: number;
}

/** What a broker answers for one partition. */
export interface ProducedPart {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly baseOffset: number;
  /** Places in the batch of records that were refused by themselves; empty = the whole batch was refused. */
  readonly refusedRecords: readonly number[];
  /** The broker's own words; may be empty. */
  readonly reason: string;
}

/**
 * One Produce request with several partitions, written into one buffer. Parts of one topic must follow each other.
 * `writeBatch` appends the record batch of a part.
 */
export function produceRequest<P extends ProducePart>(
  writer: ByteWriter,
  head: ProduceHead,
  parts: readonly P[],
  writeBatch: (part: P) => void,
): OwnRequest<ProducedPart[]> {
  return {
    apiKey: PRODUCE,
    apiVersion: VERSION,
    apiName: 'Produce',
    encode: () => {
      writer.position = 0;
      writeProduceRequest(writer, head, parts, writeBatch);
      return writer.written();
    },
    decode: decodeProduced,
  };
}

function writeProduceRequest<P extends ProducePart>(
  writer: ByteWriter,
  { transactionalId, timeoutMs }: ProduceHead,
  parts: readonly P[],
  writeBatch: (part: P) => void,
): void {
  writer.text(transactionalId);
  writer.int16(ALL_IN_SYNC_REPLICAS);
  writer.int32(timeoutMs);
  const topicsAt = counter(writer);
  let [topics, partitions, partitionsAt] = [0, 0, 0];
  let topic: string | null = null;
  for (const part of parts) {
    if (part.topic !== topic) {
      topic = part.topic;
      topics += 1;
      writer.text(topic);
      partitionsAt = counter(writer);
      partitions = 0;
    }
    writer.int32(part.partition);
    const sizeAt = counter(writer);
    writeBatch(part);
    writer.int32At(writer.position - sizeAt - 4, sizeAt);
    partitions += 1;
    writer.int32At(partitions, partitionsAt);
  }
  writer.int32At(topics, topicsAt);
}

/** Leaves room for a number that is only known later. */
function counter(writer: ByteWriter): number {
  const at = writer.position;
  writer.int32(0);
  return at;
}

export function decodeProduced(answer: Buffer): ProducedPart[] {
  const reader = new WireReader(answer);
  const topics = reader.array(() => {
    const topic = reader.text();
    return reader.array((): ProducedPart => {
      const partition = reader.int32();
      const errorCode = reader.int16();
      const baseOffset = reader.int64();
      reader.skip(16); // log append time, log start offset
      const records = reader.array(() => ({ place: reader.int32(), reason: reader.text() }));
      const reason = reader.text();
      return {
        topic,
        partition,
        errorCode,
        baseOffset,
        refusedRecords: records.map(({ place }) => place),
        reason: [...new Set([reason, ...records.map((record) => record.reason)])].filter(Boolean).join('; '),
      };
    });
  });
  return topics.flat();
}
