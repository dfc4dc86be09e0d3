import type { Ledger, Remembered } from './world';
import type { Rules } from './rules';

export type Judgement = { readonly halt: string } | { readonly seq: number; readonly n: number };

/** T3, pure: what the stretch from L up to the own barrier says, or why the relay halts. */
export function judge(
  row: Remembered,
  ledger: Ledger,
  until: number,
  known: readonly number[],
  rules: Rules,
): Judgement {
  const at = row.settledTo - 1;
  if (rules.ledgerReachesBack && ledger.start > Math.max(at, 0)) return { halt: 'ledger trimmed' };
  const isThere = at < 0 || (at >= ledger.start && markOf(ledger, at) === row.mark);
  if (rules.startsAtL && !isThere) return { halt: 'another ledger' };
  if (rules.knowsTopic && at < 0 && ledger.made > 1) return { halt: 'another ledger' };
  let { seq } = row;
  let n = 0;
  for (const record of ledger.records.slice(Math.max(row.settledTo, ledger.start), until)) {
    if (record.kind === 'barrier') {
      if (rules.knowsAncestors && !known.includes(record.server)) return { halt: 'newer database' };
      if (rules.nThroughBarrier) n = Math.max(n, record.n);
    } else {
      if (rules.seqWithoutGap && record.seq !== seq + 1) return { halt: 'gap' };
      seq = record.seq;
    }
  }
  return { seq, n };
}

export function markOf(ledger: Ledger, at: number): string {
  const record = ledger.records[at];
  if (record === undefined) return '';
  if (record.kind === 'batch') return batchMark(ledger.made, record.seq, record.fence);
  return `${ledger.made} barrier f${record.fence} S${record.server}`;
}

export function batchMark(made: number, seq: number, fence: number): string {
  return `${made} b${seq} f${fence}`;
}
