import { MalformedAnswerError } from './failures';

/** Which committed offset a record of the brokers' offsets topic is about. */
export interface OffsetKey {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
}

export interface OffsetValue {
  readonly offset: number;
  readonly metadata: string;
}

/**
 * Key of an offset commit: version 0 or 1, group, topic, partition (Kafka's OffsetCommitKey.json). Null for the other kinds of record
 * that share the topic: members and assignments of groups.
 */
export function offsetKeyOf(key: Buffer): OffsetKey | null {
  if (key.length < 2 || key.readInt16BE(0) > 1) return null;
  const [group, afterGroup] = textAt(key, 2);
  const [topic, afterTopic] = textAt(key, afterGroup);
  return { group, topic, partition: key.readInt32BE(afterTopic) };
}

/**
 * Value of an offset commit (OffsetCommitValue.json): version, offset, from version 3 on the leader's epoch, metadata; version 4 writes texts
 * with a varint for their length. What follows (times) is not read. Throws MalformedAnswerError at a version that is not known.
 */
export function offsetValueOf(value: Buffer): OffsetValue {
  const version = value.readInt16BE(0);
  if (version < 0 || version > 4) throw new MalformedAnswerError(`offset commits of version ${version} are not known`);
  const offset = Number(value.readBigInt64BE(2));
  const at = version >= 3 ? 14 : 10;
  const [metadata] = version === 4 ? compactTextAt(value, at) : textAt(value, at);
  return { offset, metadata };
}

/**
 * The partition of the offsets topic that holds a group: Java's String.hashCode without its sign, modulo the count (GroupCoordinator's
 * `partitionFor`).
 */
export function partitionOfGroup(group: string, partitions: number): number {
  let hash = 0;
  for (let i = 0; i < group.length; i += 1) hash = (31 * hash + group.charCodeAt(i)) | 0;
  // Java's Math.abs leaves the smallest int negative; Kafka takes 0 for it.
  return hash === -0x80000000 ? 0 : Math.abs(hash) % partitions;
}

function textAt(buffer: Buffer, at: number): [text: string, end: number] {
  const start = at + 2;
  const end = start + Math.max(0, buffer.readInt16BE(at));
  return [buffer.toString('utf8', start, end), end];
}

function compactTextAt(buffer: Buffer, at: number): [text: string, end: number] {
  let length = 0;
  let position = at;
  for (let shift = 0; ; shift += 7) {
    const byte = buffer.readUInt8(position);
    position += 1;
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  const end = position + Math.max(0, length - 1);
  return [buffer.toString('utf8', position, end), end];
}
