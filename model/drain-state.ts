import type { Batch, Item, LedgerRow } from './batch';
import type { Call, Ending } from './call';

/** Where a drain is; each step but `idle` is one request to Postgres or Kafka that it is about to make. */
export type Step =
  | 'idle'
  | 'fence' // D0
  | 'init'
  | 'check' // D1
  | 'ledger'
  | 'unsettled'
  | 'confirm' // about to halt
  | 'settle-old' // D2
  | 'resend'
  | 'claim' // D3
  | 'record'
  | 'send' // D4
  | 'commit'
  | 'finish' // D5 of the last batch, then `then`
  | 'quiesce' // in doubt: a settle under way ends first
  | 'withdraw' // takes back what may not be sent now
  | 'report'; // over: about to tell the workflow

export interface Drain {
  readonly step: Step;
  readonly fence: number;
  /** The server that gave the fence. */
  readonly server: number;
  readonly epoch: number;
  /** What D0 answered. */
  readonly row: { readonly recorded: number; readonly settled: number; readonly settledAt: number | null } | null;
  /** The database's clock at D1. */
  readonly now: number;
  readonly ledger: LedgerRow | null;
  /** What it read of the ledger is less than there is, and it acts by that. */
  readonly halfLoaded: boolean;
  /** The same, and the coordinator will say so until something is committed, also beside a transaction. */
  readonly stuck: boolean;
  /** `hold.clean` of the product: what is known for sure of the row. Kept by an idle worker with its producer. */
  readonly clean: { readonly recorded: number; readonly settled: number } | null;
  readonly todo: readonly Batch[];
  readonly resend: Batch | null;
  readonly afterDoubt: boolean;
  /** The broker refused the last send as too large. */
  readonly refused: boolean;
  readonly batch: Batch | null;
  /** Recorded before the batch before it was committed; only by mutation. */
  readonly early: Batch | null;
  readonly selection: { readonly revision: number; readonly items: readonly Item[]; readonly ahead: boolean } | null;
  readonly settling: Batch | null;
  readonly settleFailed: 'no' | 'fenced' | 'failed' | 'inconsistent';
  readonly then: 'end' | 'claim';
  /** Why it is about to halt. */
  readonly contradiction: string | null;
  /** What the workflow asked for; null without one. */
  readonly call: Call | null;
  /** How it ends, or would end if it gave up now; null without a call. */
  readonly end: Ending | null;
}

/** A worker that runs nothing and knows nothing. */
export const IDLE: Drain = {
  step: 'idle',
  fence: 0,
  server: 0,
  epoch: 0,
  row: null,
  now: 0,
  ledger: null,
  halfLoaded: false,
  stuck: false,
  clean: null,
  todo: [],
  resend: null,
  afterDoubt: false,
  refused: false,
  batch: null,
  early: null,
  selection: null,
  settling: null,
  settleFailed: 'no',
  then: 'end',
  contradiction: null,
  call: null,
  end: null,
};

/** Stopped by a newer drain. */
export const FENCED: Drain = { ...IDLE, end: 'fenced' };

/** Gives up, for the first reason that it met. */
export function failed(me: Drain, end: Ending): Drain {
  return { ...IDLE, end: me.end ?? end };
}

/**
 * What becomes of a drain by one step: its call stays with it, and when it is over it has an outcome to report, unless nobody waits
 * for that any more.
 */
export function answering(me: Drain, next: Drain): Drain {
  if (me.call === null) return next.call !== null || next.end === null ? next : { ...next, end: null };
  if (me.step === 'report') return next;
  const call = next.call ?? me.call;
  if (next.step !== 'idle') return next.call === null ? { ...next, call } : next;
  return call.givenUp ? { ...next, call: null, end: null } : { ...next, step: 'report', call };
}
