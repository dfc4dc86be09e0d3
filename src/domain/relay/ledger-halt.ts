import type { LedgerRecord, Settled } from './types';

/**
 * row_invalid         the remembered L is none that a relay writes
 * record_changed      the ledger has another record at L, or none: another Kafka, or one that lost what it had acknowledged
 * ledger_gone         nothing is remembered and the topic is not the one that was made for this installation
 * history_incomplete  nothing is remembered and the ledger is not whole: what it lost may have been published
 * seq_gap             a batch is missing from the ledger, or is there twice
 * newer_database      a server wrote here that this database does not know
 * fence_order         a batch stands under a fence that was not in force, or before the take-over that was given its fence
 * out_of_order        the records were not read in the ledger's order
 * unreadable          a record of a later release
 * barrier_missing     this take-over's own barrier is not where Kafka said it is
 */
export type LedgerHaltReason =
  | 'row_invalid'
  | 'record_changed'
  | 'ledger_gone'
  | 'history_incomplete'
  | 'seq_gap'
  | 'newer_database'
  | 'fence_order'
  | 'out_of_order'
  | 'barrier_missing'
  | 'unreadable';

/** The relay must not go on: one more batch could lose or double events. */
export interface LedgerHalt {
  readonly kind: 'halt';
  readonly code: 'LEDGER_MISMATCH';
  readonly reason: LedgerHaltReason;
  readonly postgres: string;
  readonly kafka: string;
  /** Highest generation that the ledger was seen to have. */
  readonly generation: number;
  /** Both sides, then the remedy. */
  readonly text: string;
}

const WAYS_OUT = 'or compare both sides: `outboxctl halted show` names the ways out';

const REMEDIES: Readonly<Record<LedgerHaltReason, string>> = {
  row_invalid: `Restore the relay's row in outbox.relays, ${WAYS_OUT}`,
  record_changed: `Connect the Kafka and the database that belong together, ${WAYS_OUT}`,
  ledger_gone: `Connect the Kafka that has this database's ledger, ${WAYS_OUT}`,
  history_incomplete: `Connect the database that this ledger belongs to, ${WAYS_OUT}`,
  seq_gap: `Connect the Kafka and the database that belong together, ${WAYS_OUT}`,
  newer_database: `Connect the newer database and stop this one, ${WAYS_OUT}`,
  fence_order: `Stop the workers of every other copy of this database, ${WAYS_OUT}`,
  out_of_order: `Restart the worker, ${WAYS_OUT}`,
  barrier_missing: `Connect the Kafka that this database belongs to, ${WAYS_OUT}`,
  unreadable: `Start a release that knows the record, ${WAYS_OUT}`,
};

/**
 * How an operator ends the halt of relays. Nothing is ever chosen for them.
 *
 * recheck         the cause is mended (the right Kafka, the right database): compare again
 * adopt-ledger    the ledger counts as it is now: what it names is published, what it has lost may be published twice
 * adopt-database  this database is the one that goes on: every other one halts, for good
 */
export const RELAY_WAYS = ['recheck', 'adopt-ledger', 'adopt-database'] as const;
export type RelayWay = (typeof RELAY_WAYS)[number];

export function waysOutOf(reason: LedgerHaltReason): readonly RelayWay[] {
  if (reason === 'unreadable') return ['recheck'];
  return ['recheck', reason === 'newer_database' ? 'adopt-database' : 'adopt-ledger'];
}

export function ledgerHalt(reason: LedgerHaltReason, postgres: string, kafka: string, generation = 0): LedgerHalt {
  const text = `${postgres}, ${kafka}. ${REMEDIES[reason]}.`;
  return { kind: 'halt', code: 'LEDGER_MISMATCH', reason, postgres, kafka, generation, text };
}

export function shownRecord(record: LedgerRecord, offset: number): string {
  const what = record.kind === 'batch' ? `batch ${record.seq}` : `a barrier of server ${record.server}`;
  return `${what} (fence ${record.fence}, offset ${offset})`;
}

export function shownSettled({ kind, seq, fence, offset }: Settled): string {
  if (kind === 'none')
    return offset < 0 && seq === 0 ? 'no record' : `no record, but offset ${offset} and batch ${seq}`;
  const what = kind === 'batch' ? `batch ${seq}` : `a barrier after batch ${seq}`;
  return `${what} (fence ${fence}, offset ${offset})`;
}

/** While nothing is remembered no record can be compared: then a ledger topic that was deleted and made anew shows only by its identity. */
export function goneLedger(settled: Settled, remembered: string, found: string): LedgerHalt | null {
  if (settled.kind !== 'none' || found === remembered) return null;
  return ledgerHalt(
    'ledger_gone',
    `Postgres remembers the ledger topic with identity ${remembered}`,
    `Kafka has one with identity ${found}`,
  );
}
