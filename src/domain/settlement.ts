/**
 * What D1 and D2 conclude from the publisher's row, its unsettled batches and the ledger. Pure, so that the drain, the
 * executable model and the tests share one piece of decision code.
 */

/** The publisher's row as far as the protocol reads it. */
export interface PublisherRow {
  /** seq of the last recorded batch. */
  readonly recorded: number;
  /** seq of the last settled batch. */
  readonly settled: number;
  /** When the batch `settled` was recorded, or at the latest settled (ms since epoch): the ledger is at least as young. */
  readonly settledAt: number | null;
  /** Id of the batch `settled`, null if its row is gone by retention. */
  readonly settledBatchId: string | null;
}

/** A recorded batch that is not settled yet. */
export interface UnsettledBatch {
  readonly seq: number;
  readonly batchId: string;
  /** ms since epoch. */
  readonly recordedAt: number;
}

export interface Ledger {
  readonly seq: number;
  readonly batchId: string;
}

export type Settlement =
  | {
      readonly kind: 'proceed';
      /** Batches that Kafka committed, oldest first: settle each. */
      readonly settle: readonly UnsettledBatch[];
      /** The one recorded batch that Kafka surely did not commit: send it again exactly, or record it anew. */
      readonly resend: UnsettledBatch | null;
    }
  | { readonly kind: 'halt'; readonly reason: HaltReason; readonly explanation: string };

export type HaltReason = 'ledger_missing' | 'ledger_behind' | 'ledger_ahead' | 'ledger_foreign' | 'rows_inconsistent';

/**
 * Compares both sides. `ledgerRetentionMs` is how long the broker keeps an untouched offset; `now` is ms since epoch, by the
 * database's clock (the clock that wrote `settledAt` and `recordedAt`).
 *
 * A missing ledger proves "not committed" only while an offset written by that commit could not have expired yet.
 * Guessing in any other case would lose or double events, hence halt.
 */
export function reconcile(
  row: PublisherRow,
  unsettled: readonly UnsettledBatch[],
  ledger: Ledger | null,
  ledgerRetentionMs: number,
  now: number,
): Settlement {
  const inconsistent = checkRows(row, unsettled);
  if (inconsistent !== null) return halt('rows_inconsistent', inconsistent);

  if (ledger === null) {
    const expired = (since: number): boolean => now - since >= ledgerRetentionMs;
    if (row.settled > 0 && (row.settledAt === null || !expired(row.settledAt))) {
      return halt('ledger_missing', `batch ${row.settled} is settled in Postgres, but Kafka has no ledger`);
    }
    const old = unsettled.find((batch) => expired(batch.recordedAt));
    if (old !== undefined) {
      return halt(
        'ledger_missing',
        `batch ${old.seq} is older than the broker keeps offsets: Kafka cannot say if it was committed`,
      );
    }
    return { kind: 'proceed', settle: [], resend: unsettled[0] ?? null };
  }

  if (ledger.seq < row.settled) {
    return halt('ledger_behind', `Kafka's ledger says ${ledger.seq}, Postgres has settled ${row.settled}`);
  }
  if (ledger.seq > row.recorded) {
    return halt('ledger_ahead', `Kafka's ledger says ${ledger.seq}, Postgres has recorded only ${row.recorded}`);
  }
  const known =
    ledger.seq === row.settled
      ? row.settledBatchId
      : (unsettled.find((batch) => batch.seq === ledger.seq)?.batchId ?? null);
  if (known !== null && known !== ledger.batchId) {
    return halt('ledger_foreign', `batch ${ledger.seq} is ${known} in Postgres and ${ledger.batchId} in Kafka`);
  }
  return {
    kind: 'proceed',
    settle: unsettled.filter((batch) => batch.seq <= ledger.seq),
    resend: unsettled.find((batch) => batch.seq > ledger.seq) ?? null,
  };
}

/** Unsettled batches must be exactly settled+1 … recorded, and never more than two (one committed, one beyond the ledger). */
function checkRows(row: PublisherRow, unsettled: readonly UnsettledBatch[]): string | null {
  if (row.settled > row.recorded) return `settled ${row.settled} exceeds recorded ${row.recorded}`;
  if (unsettled.length !== row.recorded - row.settled) {
    return `${unsettled.length} unsettled batches between settled ${row.settled} and recorded ${row.recorded}`;
  }
  const gap = unsettled.findIndex((batch, index) => batch.seq !== row.settled + index + 1);
  if (gap >= 0) return `unsettled batch ${unsettled[gap]?.seq} is out of sequence`;
  return null;
}

function halt(reason: HaltReason, explanation: string): Settlement {
  return { kind: 'halt', reason, explanation };
}
