import { KAFKA_DESTINATION } from '../../domain/publisher';
import type { PublisherRef } from '../../domain/publisher';
import type { Member, MemberGroup } from '../../domain/relay/types';
import type { ByteWriter } from '../../sinks/kafka/byte-writer';
import { integerOf, readByte, readStep, readUnsigned, writeStep, writeUnsigned } from './varints';
import type { Cursor } from './varints';

/** Bits in front of a group: what differs from the usual is spelt out. */
const OTHER_DESTINATION = 1;
const SHARDED = 2;
const WITH_REPLAYS = 4;
const KNOWN_BITS = OTHER_DESTINATION | SHARDED | WITH_REPLAYS;
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Appends groups of members: about 6 bytes each, because ids of a batch lie close together.
 * A replay's id stands once in front of all groups; members name it by its place there, from 1 (0 = the event itself).
 */
export function writeGroups(writer: ByteWriter, groups: readonly MemberGroup[]): void {
  const replays = new Map<string, number>();
  for (const { members } of groups) {
    for (const { replayId } of members) {
      if (replayId !== null && !replays.has(replayId)) replays.set(replayId, replays.size + 1);
    }
  }
  writeUnsigned(writer, replays.size);
  for (const replayId of replays.keys()) writeText(writer, replayId);
  writeUnsigned(writer, groups.length);
  for (const group of groups) writeGroup(writer, group, replays);
}

export function readGroups(from: Cursor): MemberGroup[] {
  const replays = readMany(from, readText);
  return readMany(from, () => readGroup(from, replays));
}

export function writeText(writer: ByteWriter, text: string): void {
  // Postgres holds no such text; one that changed on its way would name somebody else.
  if (LONE_SURROGATE.test(text)) throw new RangeError('a text of the ledger is not well-formed Unicode');
  const size = Buffer.byteLength(text);
  writeUnsigned(writer, size);
  writer.ensure(size);
  writer.position += writer.buffer.write(text, writer.position, 'utf8');
}

export function readText(from: Cursor): string {
  const end = readUnsigned(from) + from.position;
  if (end > from.bytes.length) throw new RangeError('the record ends too early');
  const text = from.bytes.toString('utf8', from.position, end);
  from.position = end;
  return text;
}

function writeGroup(writer: ByteWriter, { publisher, members }: MemberGroup, replays: Map<string, number>): void {
  const { tenant, destination, shard } = publisher;
  const hasReplays = members.some(({ replayId }) => replayId !== null);
  writer.ensure(1);
  writer.buffer[writer.position++] =
    (destination === KAFKA_DESTINATION ? 0 : OTHER_DESTINATION) +
    (shard === 0 ? 0 : SHARDED) +
    (hasReplays ? WITH_REPLAYS : 0);
  writeText(writer, tenant);
  if (destination !== KAFKA_DESTINATION) writeText(writer, destination);
  if (shard !== 0) writeUnsigned(writer, shard);
  writeUnsigned(writer, members.length);
  let before: number | bigint = 0;
  for (const { eventId, replayId, fingerprint } of members) {
    const id = integerOf(eventId);
    writeStep(writer, before, id);
    before = id;
    if (hasReplays) writeUnsigned(writer, replayId === null ? 0 : (replays.get(replayId) ?? 0));
    writer.ensure(4);
    writer.position = writer.buffer.writeUInt32BE(fingerprint, writer.position);
  }
}

function readGroup(from: Cursor, replays: readonly string[]): MemberGroup {
  const bits = readByte(from);
  if ((bits & ~KNOWN_BITS) !== 0) throw new RangeError('a group has marks of a newer version');
  const publisher: PublisherRef = {
    tenant: readText(from),
    destination: (bits & OTHER_DESTINATION) === 0 ? KAFKA_DESTINATION : readText(from),
    shard: (bits & SHARDED) === 0 ? 0 : readUnsigned(from),
  };
  let before: number | bigint = 0;
  const members = readMany(from, (): Member => {
    before = readStep(from, before);
    const replay = (bits & WITH_REPLAYS) === 0 ? 0 : readUnsigned(from);
    const replayId = replay === 0 ? null : replays[replay - 1];
    if (replayId === undefined) throw new RangeError('a member names a replay that is not there');
    if (from.position + 4 > from.bytes.length) throw new RangeError('the record ends too early');
    const fingerprint = from.bytes.readUInt32BE(from.position);
    from.position += 4;
    return { eventId: String(before), replayId, fingerprint };
  });
  return { publisher, members };
}

/** A count and as many things. */
function readMany<T>(from: Cursor, read: (from: Cursor) => T): T[] {
  const count = readUnsigned(from);
  // Each takes a byte at least: a count beyond that must not reserve memory.
  if (count > from.bytes.length - from.position) throw new RangeError('a count exceeds the record');
  const all: T[] = [];
  for (let i = 0; i < count; i += 1) all.push(read(from));
  return all;
}
