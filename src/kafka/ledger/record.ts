import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Barrier, LedgerRecord } from '../../domain/relay/types';
import { ByteWriter } from '../../sinks/kafka/byte-writer';
import { readGroups, readText, writeGroups, writeText } from './members';
import { readByte, readUnsigned, writeUnsigned } from './varints';
import type { Cursor } from './varints';

const VERSION = 1;
const BARRIER = 1;
const BATCH = 2;
/** Of HMAC-SHA256, at the end of every record in every version. */
const SEAL_BYTES = 16;
export const LEDGER_KEY_BYTES = 32;

/** A record that must not be believed. `forged`: not sealed by this installation for this partition; `unreadable`: sealed, but of a version that is not known. */
export class LedgerRecordError extends Error {
  constructor(
    readonly kind: 'forged' | 'unreadable',
    message: string,
  ) {
    super(message);
    this.name = 'LedgerRecordError';
  }
}

/**
 * Bytes of ledger records: version, kind, fence, then what the kind has, then the seal.
 *
 *   barrier   server and cluster as text, timeline, wal, generation, from + 1, relays        batch   seq, groups (members.ts)
 *
 * The seal covers the installation and the relay too: a record that is copied into another partition or cluster is refused.
 * Numbers are varints. The key is kept with the database, so that whoever may write the topic still cannot make members up.
 */
export class LedgerCodec {
  readonly #writer = new ByteWriter(4_096);

  constructor(
    private readonly key: Uint8Array,
    private readonly installId: string,
  ) {
    if (key.length !== LEDGER_KEY_BYTES) throw new RangeError(`the ledger's key must have ${LEDGER_KEY_BYTES} bytes`);
  }

  encode(record: LedgerRecord, relay: number): Buffer {
    const writer = this.#writer;
    writer.position = 0;
    writer.int8(VERSION);
    writer.int8(record.kind === 'barrier' ? BARRIER : BATCH);
    writeUnsigned(writer, record.fence);
    if (record.kind === 'barrier') {
      writeText(writer, record.server);
      writeText(writer, record.system);
      for (const number of [record.timeline, record.wal, record.generation, record.from + 1, record.relays]) {
        writeUnsigned(writer, number);
      }
    } else {
      writeUnsigned(writer, record.seq);
      writeGroups(writer, record.groups);
    }
    writer.bytes(this.#seal(writer.written(), relay));
    return Buffer.from(writer.written());
  }

  /** @throws LedgerRecordError for anything but a record of this relay that was encoded with the same key. */
  decode(bytes: Buffer, relay: number): LedgerRecord {
    const end = bytes.length - SEAL_BYTES;
    if (end < 2) throw new LedgerRecordError('forged', `a record of ${bytes.length} bytes`);
    const body = bytes.subarray(0, end);
    if (!timingSafeEqual(this.#seal(body, relay), bytes.subarray(end))) {
      throw new LedgerRecordError('forged', "the record's seal is not that of this installation and relay");
    }
    try {
      return read({ bytes: body, position: 0 });
    } catch (error) {
      if (error instanceof RangeError) throw new LedgerRecordError('unreadable', error.message);
      throw error;
    }
  }

  #seal(body: Uint8Array, relay: number): Buffer {
    const context = JSON.stringify(['temporal-outbox ledger', this.installId, relay]);
    return createHmac('sha256', this.key).update(`${context}\n`).update(body).digest().subarray(0, SEAL_BYTES);
  }
}

function read(from: Cursor): LedgerRecord {
  const version = readByte(from);
  if (version !== VERSION) throw new RangeError(`version ${version} is newer than ${VERSION}`);
  const record = readKind(from);
  if (from.position !== from.bytes.length) throw new RangeError('bytes follow the end of the record');
  return record;
}

function readKind(from: Cursor): LedgerRecord {
  const kind = readByte(from);
  const fence = readUnsigned(from);
  if (kind === BARRIER) return readBarrier(from, fence);
  if (kind === BATCH) return { kind: 'batch', fence, seq: readUnsigned(from), groups: readGroups(from) };
  throw new RangeError(`kind ${kind} is not known`);
}

function readBarrier(from: Cursor, fence: number): Barrier {
  const [server, system] = [readText(from), readText(from)];
  const [timeline, wal, generation] = [readUnsigned(from), readUnsigned(from), readUnsigned(from)];
  const [above, relays] = [readUnsigned(from), readUnsigned(from)];
  return { kind: 'barrier', fence, server, system, timeline, wal, generation, from: above - 1, relays };
}
