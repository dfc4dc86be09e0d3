import type { ByteWriter } from './byte-writer';

const ALL_IN_SYNC_REPLICAS = -1;

/**
 * Appends the body of a Produce request (versions 3 to 7) with one partition, whose record set `writeRecords` appends.
 * Returns what that returns.
 */
export function writeProduceRequest<T>(
  writer: ByteWriter,
  target: {
    readonly transactionalId: string;
    readonly topic: string;
    readonly partition: number;
    readonly timeoutMs: number;
  },
  writeRecords: () => T,
): T {
  writer.text(target.transactionalId);
  writer.int16(ALL_IN_SYNC_REPLICAS);
  writer.int32(target.timeoutMs);
  writer.int32(1);
  writer.text(target.topic);
  writer.int32(1);
  writer.int32(target.partition);
  const sizeAt = writer.position;
  writer.int32(0);
  const result = writeRecords();
  writer.int32At(writer.position - sizeAt - 4, sizeAt);
  return result;
}
