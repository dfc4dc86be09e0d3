interface AbortedTransaction {
  readonly producerId: string;
  readonly firstOffset: string;
}

interface LogRecord {
  readonly offset: string;
  readonly key: Buffer | null;
  readonly isControlRecord: boolean;
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean };
}

/** Control record key: int16 version, int16 type; type 0 is ABORT. */
const ABORT = 0;

/**
 * Tells which records of one fetched stretch a `read_committed` consumer does not see, as the Java consumer does it:
 * a producer is aborting from the first offset that the broker named until its abort marker.
 *
 * Not kafkajs' own filter: that one expects the broker's list in order of first offsets and takes one entry per record,
 * but brokers list by the offset of the marker, so with several transactions it can mistake one for another.
 *
 * Control records are in neither list.
 */
export function splitAborted<R extends LogRecord>(
  records: readonly R[],
  aborted: readonly AbortedTransaction[] | null,
): { readonly committed: R[]; readonly aborted: R[] } {
  const starts = [...(aborted ?? [])]
    .map((transaction) => ({ producerId: transaction.producerId, first: BigInt(transaction.firstOffset) }))
    .sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const aborting = new Set<string>();
  const result = { committed: [] as R[], aborted: [] as R[] };
  let next = 0;
  for (const record of records) {
    const { producerId, inTransaction } = record.batchContext;
    if (next < starts.length) {
      const offset = BigInt(record.offset);
      while (next < starts.length && starts[next]!.first <= offset) aborting.add(starts[next++]!.producerId);
    }
    if (record.isControlRecord) {
      if (isAbortMarker(record.key)) aborting.delete(producerId);
    } else if (inTransaction && aborting.has(producerId)) {
      result.aborted.push(record);
    } else {
      result.committed.push(record);
    }
  }
  return result;
}

/** True of the control record that ends a transaction without effect. */
export function isAbortMarker(key: Buffer | null): boolean {
  return key !== null && key.length >= 4 && key.readInt16BE(2) === ABORT;
}
