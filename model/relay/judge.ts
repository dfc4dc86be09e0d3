import type { Barrier, Ledger, Origin, Remembered } from './world';
import type { Rules } from './rules';

export type Judgement =
  | { readonly halt: string }
  /** An older copy: the generation to raise to before anything is settled. */
  | { readonly lost: number }
  | { readonly seq: number; readonly n: number };

/** T3, pure: what the stretch from L up to the own barrier says, or why the relay halts. */
export function judge(
  row: Remembered,
  ledger: Ledger,
  until: number,
  me: { readonly origin: Origin; readonly known: readonly number[] },
  rules: Rules,
): Judgement {
  const at = row.settledTo - 1;
  if (rules.ledgerReachesBack && ledger.start > Math.max(at, 0)) return { halt: 'ledger trimmed' };
  const isThere = at < 0 || (at >= ledger.start && markOf(ledger, at) === row.mark);
  if (rules.startsAtL && !isThere) return { halt: 'another ledger' };
  if (rules.knowsTopic && at < 0 && ledger.made > 1) return { halt: 'another ledger' };
  let { seq } = row;
  let [n, lost] = [0, 0];
  for (const record of ledger.records.slice(Math.max(row.settledTo, ledger.start), until)) {
    if (record.kind === 'barrier') {
      const place = placeOf(record, row, me, rules);
      if (place === 'newer' && rules.knowsAncestors) return { halt: 'newer database' };
      if (place === 'lost') lost = Math.max(lost, record.origin.generation + 1);
      if (rules.nThroughBarrier) n = Math.max(n, record.n);
    } else {
      if (rules.seqWithoutGap && record.seq !== seq + 1) return { halt: 'gap' };
      seq = record.seq;
    }
  }
  return lost > 0 ? { lost } : { seq, n };
}

/** As src/domain/relay/lineage.ts. */
function placeOf(
  { server, origin, from }: Barrier,
  row: Remembered,
  { known, origin: own }: { readonly origin: Origin; readonly known: readonly number[] },
  rules: Rules,
): 'mine' | 'older' | 'lost' | 'newer' {
  const later = rules.generations && origin.generation !== own.generation;
  if (known.includes(server)) return later && origin.generation > own.generation ? 'lost' : 'mine';
  if (later) return origin.generation < own.generation ? 'older' : 'newer';
  if (origin.timeline !== own.timeline && rules.timelines) return origin.timeline < own.timeline ? 'older' : 'newer';
  if (!rules.shorterLog) return 'lost';
  return origin.wal > own.wal && (!rules.fromBehind || from >= row.settledTo) ? 'lost' : 'newer';
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
