import { setTimeout as delay } from 'node:timers/promises';
import { OutboxError } from '../../domain/errors';
import type { LedgerRecord, PlacedRecord } from '../../domain/relay/types';
import { splitAborted } from '../../sinks/kafka/aborted';
import { CODE, isAnswer } from '../../sinks/kafka/answer-error';
import { Deadline } from '../../sinks/kafka/deadline';
import type { FetchedPartition } from '../../sinks/kafka/protocol';
import { LedgerRecordError } from './record';
import type { LedgerLog } from './ledger-log';

/** A chunk is handed on when it holds so many records or so many members. */
const CHUNK_RECORDS = 500;
const CHUNK_MEMBERS = 20_000;
const RETRY_MS = 50;

/** Bytes of a record and whose they are, to a record. Throws LedgerRecordError. */
type Decode = (bytes: Buffer) => LedgerRecord;
/** `logStart`: offset of the oldest record that is kept. */
export type OnChunk = (records: PlacedRecord[], logStart: number) => Promise<void>;

/** Reads one relay's partition as `read_committed` consumers see it. */
export class LedgerReader {
  constructor(
    private readonly log: LedgerLog,
    private readonly decode: Decode,
    /** Without anything new for so long (ms) the read is given up: KAFKA_TIMEOUT. */
    private readonly patienceMs: number,
    /** Reads on over records that are not sealed by this installation. */
    private readonly skipsForged = false,
  ) {}

  /**
   * Hands on the records from `from` (0 or less = the log's start) to `upTo`, both included, in order. `upTo` is known to be
   * committed, so until it can be read the reader waits: its marker or a replica is late. It never judges by the log's end.
   */
  async read(from: number, upTo: number, onChunk: OnChunk): Promise<void> {
    if (from > upTo) throw this.#shorter(from, upTo);
    const start = await this.log.start(new Deadline(this.patienceMs));
    if (from > 0 && start > from) throw this.#begun(from, start);
    let chunk: PlacedRecord[] = [];
    let members = 0;
    for (let next = Math.max(from, start); next <= upTo;) {
      const fetched = await this.#fetch(next);
      for (const { offset, value } of committedFrom(fetched, next, upTo)) {
        const record = this.#decoded(value, offset);
        if (record === null) continue;
        chunk.push({ offset, record });
        members += record.kind === 'barrier' ? 0 : record.groups.reduce((sum, group) => sum + group.members.length, 0);
        if (chunk.length < CHUNK_RECORDS && members < CHUNK_MEMBERS) continue;
        await onChunk(chunk, start);
        [chunk, members] = [[], 0];
      }
      next = after(fetched, next);
    }
    if (chunk.length > 0) await onChunk(chunk, start);
  }

  /** The next stretch with anything in it. */
  async #fetch(next: number): Promise<FetchedPartition> {
    const progress = new Deadline(this.patienceMs);
    for (;;) {
      try {
        const fetched = await this.log.fetch(next, progress);
        if (after(fetched, next) > next) return fetched;
        progress.check();
      } catch (error) {
        if (!isAnswer(error, CODE.OFFSET_OUT_OF_RANGE)) throw error;
        const start = await this.log.start(progress);
        if (start > next) throw this.#begun(next, start);
        // Beyond the end of the log, as one sees it that has just begun to lead.
        progress.check();
        await delay(RETRY_MS);
      }
    }
  }

  #decoded(value: Buffer | null, offset: number): LedgerRecord | null {
    try {
      return this.decode(value ?? Buffer.alloc(0));
    } catch (error) {
      if (!(error instanceof LedgerRecordError)) throw error;
      const { kind, message } = error;
      if (kind === 'forged' && this.skipsForged) return null;
      const remedy =
        kind === 'forged'
          ? 'Find out who wrote it, and check that this database and its ledger key belong to this topic.'
          : 'Start a release that knows it.';
      throw this.#mismatch(kind, `the record at offset ${offset} is ${kind}: ${message}. ${remedy}`, { offset });
    }
  }

  #begun(from: number, logStart: number): OutboxError {
    const text = `the log begins at ${logStart}, and what follows ${from} is settled from it: records were deleted before they were read. Show both sides to an operator.`;
    return this.#mismatch('log-start', text, { from, logStart });
  }

  #shorter(from: number, upTo: number): OutboxError {
    const text = `offset ${from} was settled, and the record that was written last has offset ${upTo}: Kafka has lost the log's end, or the topic was made anew. Show both sides to an operator.`;
    return this.#mismatch('log-end', text, { from, upTo });
  }

  #mismatch(kind: string, text: string, details: Record<string, unknown>): OutboxError {
    const { topic, partition } = this.log.place;
    return new OutboxError('LEDGER_MISMATCH', `${topic}/${partition}: ${text}`, {
      details: { kind, topic, partition, ...details },
    });
  }
}

/** Committed records of a fetched stretch from `next` to `upTo`. */
function* committedFrom(
  fetched: FetchedPartition,
  next: number,
  upTo: number,
): Generator<{ readonly offset: number; readonly value: Buffer | null }> {
  for (const record of splitAborted(fetched.messages, fetched.abortedTransactions).committed) {
    const offset = Number(record.offset);
    if (offset >= next && offset <= upTo) yield { offset, value: record.value };
  }
}

/** The offset after the last batch of a fetched stretch. */
function after({ messages }: FetchedPartition, next: number): number {
  const last = messages.at(-1)?.batchContext;
  return last === undefined ? next : Math.max(next, Number(last.firstOffset) + last.lastOffsetDelta + 1);
}
