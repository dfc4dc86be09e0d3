import { isAbortMarker } from './aborted';
import { MalformedAnswerError } from './failures';
import { offsetKeyOf, offsetValueOf } from './offset-record';
import type { OffsetKey, OffsetValue } from './offset-record';

/** A record of the offsets topic, control records included. */
export interface LogRecord {
  readonly key: Buffer | null;
  /** Null = the offset was deleted, or expired. */
  readonly value: Buffer | null;
  readonly isControlRecord: boolean;
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean };
}

/**
 * Follows one ledger through its log: what each transaction wrote counts once its commit marker comes. Up to the barrier, a record
 * that the reader itself wrote in a transaction of its own, all older transactions are decided.
 *
 * Read without `read_committed`: with it, an open transaction of any other tenant in the same partition would hold this reader back.
 */
export class LedgerLogFold {
  #committed: OffsetValue | null = null;
  /** By producer id: a publisher gets a new one when its epochs are used up. */
  readonly #open = new Map<string, OffsetValue>();
  #isComplete = false;

  constructor(
    private readonly ledger: OffsetKey,
    /** Metadata of the barrier, unique to it. */
    private readonly barrier: string,
  ) {}

  /** True once the barrier was seen. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Takes the next record of the log. Throws if it is of this ledger and cannot be read. */
  take(record: LogRecord): void {
    if (this.#isComplete || record.key === null) return;
    const { producerId, inTransaction } = record.batchContext;
    if (record.isControlRecord) {
      const written = this.#open.get(producerId);
      if (written === undefined) return;
      this.#open.delete(producerId);
      if (!isAbortMarker(record.key)) this.#committed = written;
      return;
    }
    const key = offsetKeyOf(record.key);
    if (key === null || !isSame(key, this.ledger)) return;
    // A ledger that was deleted, or that a coordinator with half of it thought expired, was committed all the same.
    if (record.value === null) return;
    const value = offsetValueOf(record.value);
    if (value.metadata === this.barrier) {
      this.#isComplete = true;
      return;
    }
    if (inTransaction) this.#open.set(producerId, value);
    else this.#committed = value;
  }

  /**
   * What was committed last in the part that was read; null = nothing. Throws MalformedAnswerError if a transaction has no end: the cleaner
   * keeps a marker as long as anything of its transaction, so that log has lost something.
   */
  result(): OffsetValue | null {
    if (this.#open.size > 0) throw new MalformedAnswerError('a transaction before the barrier has no end');
    return this.#committed;
  }
}

function isSame(a: OffsetKey, b: OffsetKey): boolean {
  return a.group === b.group && a.topic === b.topic && a.partition === b.partition;
}
