import { ledgerHalt, shownRecord, shownSettled } from './ledger-halt';
import type { LedgerHalt } from './ledger-halt';
import { placeOf, shownOrigin } from './lineage';
import type { Barrier, Batch, Origin, PlacedRecord, Settled } from './types';

/**
 * What a take-over concludes from the ledger (T3, T4): from the remembered record at L up to its own barrier, chunk by chunk.
 *
 * F1  The first record is the one that Postgres remembers at L: same offset, kind, seq and fence.
 * F2  Batches have seqs without gap. Nothing remembered (a new row, or a fail-over took it): the log must be whole, from seq 1.
 * F3  Every barrier's server is known, or one that this database replaces (lineage.ts). Any other one means that a newer database exists.
 * F4  A batch has the fence of the last barrier before it, and that is the highest one its server gave so far.
 * F5  No batch is written under this take-over's server and fence, or a later one, before its own barrier.
 *
 * Barriers alone may descend: a take-over frozen between T0 and T1 writes its barrier late, and a server that lost commits
 * gives fences again. Neither lets a batch follow. F5 also meets a take-over that is outdated: record a halt under the fence
 * like any statement, and that one halts nobody.
 */
export interface TakeOver {
  readonly settled: Settled;
  /** Identities of this database, its own and all ancestors'. */
  readonly known: ReadonlySet<string>;
  /** This take-over's own barrier, as acknowledged. */
  readonly own: Origin & { readonly fence: number; readonly offset: number };
  /** First offset that the partition still has: above 0, retention took something. Judged only where nothing is remembered. */
  readonly logStart: number;
}

/** How far the ledger is judged; plain data, a new one after each chunk. */
export interface Fold {
  readonly takeOver: TakeOver;
  /** L after the last judged record. */
  readonly settled: Settled;
  readonly started: boolean;
  /** The own barrier was reached: only then may the take-over close lower fences. */
  readonly done: boolean;
  /** Whose fence is in force; null = the record at L is a batch, which does not say. */
  readonly server: string | null;
  /** Highest fence seen of each server. */
  readonly highest: ReadonlyMap<string, number>;
  /** Most relays that a barrier named: what partition 0 says of a number that a fail-over forgot. 0 = no barrier yet. */
  readonly relays: number;
  /** This database is an older copy: it goes on only once it has raised its generation to this. 0 = it need not. */
  readonly claim: number;
}

export interface SettleStep {
  readonly batch: Batch;
  /** L once this batch is settled. */
  readonly after: Settled;
}

/** `fold.settled` is L after the chunk, which barriers move too. */
export type Judgement =
  { readonly kind: 'go'; readonly fold: Fold; readonly settle: readonly SettleStep[] } | LedgerHalt;

export function beginFold(takeOver: TakeOver): Fold {
  const { settled } = takeOver;
  return { takeOver, settled, started: false, done: false, server: null, highest: new Map(), relays: 0, claim: 0 };
}

/** The next records in order. What lies behind the own barrier is not looked at. */
export function judge(fold: Fold, records: readonly PlacedRecord[]): Judgement {
  const settle: SettleStep[] = [];
  let now = fold;
  for (const placed of records) {
    if (now.done) break;
    const wrong = (now.started ? null : wrongStart(now, placed)) ?? wrongNext(now, placed);
    if (wrong !== null) return wrong;
    const atL = !now.started && now.settled.kind !== 'none';
    now = advanced(now, placed);
    if (placed.record.kind === 'batch' && !atL) settle.push({ batch: placed.record, after: now.settled });
  }
  return { kind: 'go', fold: now, settle };
}

/** To be asked once everything up to the own barrier was read: null, or Kafka does not have what it acknowledged. */
export function unfinished(fold: Fold): LedgerHalt | null {
  return fold.done ? null : noBarrier(fold, 'nothing more up to there');
}

/** F1, and F2's whole log. */
function wrongStart({ takeOver, settled }: Fold, { offset, record }: PlacedRecord): LedgerHalt | null {
  const found = shownRecord(record, offset);
  const fresh = settled.kind === 'none';
  if (fresh !== settled.offset < 0 || (fresh && settled.seq !== 0)) {
    return ledgerHalt('row_invalid', `Postgres remembers ${shownSettled(settled)}`, `Kafka's ledger has ${found}`);
  }
  if (fresh) {
    if (takeOver.logStart <= 0) return null;
    const left = `Kafka's ledger has lost what was before offset ${takeOver.logStart} and begins with ${found}`;
    return ledgerHalt('history_incomplete', 'Postgres remembers no record of this relay', left);
  }
  const same =
    offset === settled.offset &&
    record.kind === settled.kind &&
    record.fence === settled.fence &&
    (record.kind === 'barrier' || record.seq === settled.seq);
  if (same) return null;
  return ledgerHalt('record_changed', `Postgres remembers ${shownSettled(settled)}`, `Kafka's ledger has ${found}`);
}

function wrongNext(fold: Fold, placed: PlacedRecord): LedgerHalt | null {
  const { takeOver, settled, started } = fold;
  const { offset, record } = placed;
  const { own, known } = takeOver;
  if (started && offset <= settled.offset) {
    const kafka = `after it ${shownRecord(record, offset)} was read from Kafka`;
    return ledgerHalt('out_of_order', `Postgres is at ${shownSettled(settled)}`, kafka);
  }
  const isOwn = record.kind === 'barrier' && record.fence === own.fence && record.server === own.server;
  if (offset > own.offset || (offset === own.offset && !isOwn)) return noBarrier(fold, shownRecord(record, offset));
  if (record.kind === 'batch') return started || settled.kind === 'none' ? wrongBatch(fold, record, offset) : null;
  if (placeOf(record, own, known, takeOver.settled) !== 'newer') return null;
  const kafka = `Kafka's ledger has at offset ${offset} a barrier of ${shownOrigin(record)}, fence ${record.fence}, which this database does not know`;
  return ledgerHalt('newer_database', `Postgres is ${shownOrigin(own)}`, kafka, record.generation);
}

/** F2, F4 and F5 of a batch that is not settled yet. */
function wrongBatch({ takeOver, settled, server, highest }: Fold, batch: Batch, offset: number): LedgerHalt | null {
  const { own } = takeOver;
  const found = `Kafka's ledger has ${shownRecord(batch, offset)}`;
  if (batch.seq !== settled.seq + 1) {
    const lost = takeOver.settled.kind === 'none' && settled.seq === 0;
    const postgres = `Postgres remembers ${shownSettled(takeOver.settled)}`;
    const kafka = `batch ${settled.seq + 1} is next, but ${found}`;
    return ledgerHalt(lost ? 'history_incomplete' : 'seq_gap', postgres, kafka);
  }
  const inForce = settled.kind !== 'none' && batch.fence === settled.fence;
  const overtaken = server !== null && batch.fence < (highest.get(server) ?? 0);
  const givenTwice = server === own.server && batch.fence >= own.fence;
  if (inForce && !overtaken && !givenTwice) return null;
  const barrier =
    settled.kind === 'none' ? 'no barrier' : `fence ${settled.fence} of ${server ?? 'an earlier take-over'}`;
  const postgres = `Postgres gave fence ${own.fence} of ${own.server} to this take-over`;
  return ledgerHalt('fence_order', postgres, `${found} before it, after ${barrier}`);
}

function advanced(fold: Fold, { offset, record }: PlacedRecord): Fold {
  if (record.kind === 'batch') {
    return { ...fold, started: true, settled: { offset, kind: 'batch', seq: record.seq, fence: record.fence } };
  }
  return {
    ...fold,
    started: true,
    done: offset === fold.takeOver.own.offset,
    settled: { offset, kind: 'barrier', seq: fold.settled.seq, fence: record.fence },
    server: record.server,
    highest: raised(fold.highest, record),
    relays: Math.max(fold.relays, record.relays),
    claim: claimed(fold, record),
  };
}

function claimed({ claim, takeOver: { own, known, settled } }: Fold, record: Barrier): number {
  return placeOf(record, own, known, settled) === 'lost' ? Math.max(claim, record.generation + 1) : claim;
}

function raised(highest: ReadonlyMap<string, number>, { server, fence }: Barrier): ReadonlyMap<string, number> {
  return fence <= (highest.get(server) ?? -1) ? highest : new Map(highest).set(server, fence);
}

function noBarrier({ takeOver }: Fold, found: string): LedgerHalt {
  const { fence, offset } = takeOver.own;
  const kafka = `Kafka acknowledged its barrier at offset ${offset}, but its ledger has ${found}`;
  return ledgerHalt('barrier_missing', `Postgres gave fence ${fence}`, kafka);
}
