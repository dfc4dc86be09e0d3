import type { Ledger, Record, Remembered } from './world';
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
  if (rules.ledgerReachesBack && at >= 0 && ledger.start > at) return { halt: 'ledger trimmed' };
  if (rules.startsAtL && at >= 0 && markOf(ledger, at) !== row.mark) return { halt: 'another ledger' };
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
  return record === undefined || at < ledger.start ? '' : `${ledger.made} ${nameOf(record)}`;
}

function nameOf(record: Record): string {
  return record.kind === 'batch' ? `b${record.seq} f${record.fence}` : `barrier f${record.fence} S${record.server}`;
}
