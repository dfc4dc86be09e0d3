import fc from 'fast-check';
import { beginFold, judge, unfinished } from '../../../../src/domain/relay/fold';
import type { SettleStep, TakeOver } from '../../../../src/domain/relay/fold';
import type { LedgerHalt } from '../../../../src/domain/relay/ledger-halt';
import type { Origin, PlacedRecord, Settled } from '../../../../src/domain/relay/types';

/** A partition as honest relays write it, the last record being the barrier of the take-over that reads it. */
export interface Log {
  readonly records: readonly PlacedRecord[];
  readonly known: ReadonlySet<string>;
  readonly own: TakeOver['own'];
}

/** All on one cluster, its timeline and its generation. */
export function originOf(server: string): Origin {
  return { server, system: 'cluster', timeline: 7, wal: 1_000, generation: 3 };
}

type Step = { readonly do: 'batch' | 'takeOver' | 'late' | 'failOver' | 'abort'; readonly by: number };

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.oneof(
    { weight: 6, arbitrary: fc.constant('batch' as const) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('takeOver' as const, 'late' as const, 'failOver' as const, 'abort' as const),
    },
  ),
  by: fc.nat(3),
});

/** Take-overs, fail-overs that forget fences, barriers of frozen take-overs, aborted transactions, and batches between them. */
export const log: fc.Arbitrary<Log> = fc.array(step, { maxLength: 60, size: 'max' }).map((steps) => {
  const records: PlacedRecord[] = [];
  const servers = ['server-0'];
  let [offset, seq, fence, attached] = [0, 0, 0, false];
  const append = (record: PlacedRecord['record']): void => {
    records.push({ offset, record });
    offset += 2; // its commit marker
  };
  const barrier = (of: number, server: string, relays = 32): void =>
    append({ ...originOf(server), kind: 'barrier', fence: of, from: -1, relays });
  const takeOver = (): void => {
    fence += 1;
    barrier(fence, servers.at(-1) ?? '', 32 + ((records.length * 7) % 5));
    attached = true;
  };
  for (const { do: what, by } of [...steps, { do: 'takeOver' as const, by: 0 }]) {
    if (what === 'abort') offset += 2 + by;
    else if (what === 'takeOver') takeOver();
    else if (what === 'batch' && attached) {
      seq += 1;
      append({ kind: 'batch', fence, seq, groups: [] });
    } else if (what === 'late' && fence > by + 1) {
      barrier(fence - by - 1, servers.at(-1 - (by % servers.length)) ?? '');
      attached = false;
    } else if (what === 'failOver') {
      servers.push(`server-${servers.length}`);
      fence = Math.max(0, fence - by);
      takeOver();
    }
  }
  const last = records.at(-1) as PlacedRecord;
  return { records, known: new Set(servers), own: { ...originOf(servers.at(-1) ?? ''), fence, offset: last.offset } };
});

export const NOTHING: Settled = { offset: -1, kind: 'none', seq: 0, fence: 0 };

/** What Postgres remembers of the record at `index`; -1 = nothing yet. */
export function settledAt(records: readonly PlacedRecord[], index: number): Settled {
  const placed = records[index];
  if (placed === undefined) return NOTHING;
  const seqs = records.slice(0, index + 1).map(({ record }) => (record.kind === 'batch' ? record.seq : 0));
  const { kind, fence } = placed.record;
  return { offset: placed.offset, kind, seq: Math.max(0, ...seqs), fence };
}

export interface Read {
  readonly steps: readonly SettleStep[];
  readonly settled: Settled;
  readonly relays: number;
  readonly claim: number;
  readonly halt: LedgerHalt | null;
}

/** Reads as a take-over does, in chunks of `size`; `after` is what was settled of the chunks before a halt. */
export function read(takeOver: TakeOver, records: readonly PlacedRecord[], size: number): Read {
  let fold = beginFold(takeOver);
  const steps: SettleStep[] = [];
  const result = (halt: LedgerHalt | null): Read => {
    const { settled, relays, claim } = fold;
    return { steps, settled, relays, claim, halt };
  };
  for (let at = 0; at < records.length; at += size) {
    const verdict = judge(fold, records.slice(at, at + size));
    if (verdict.kind === 'halt') return result(verdict);
    fold = verdict.fold;
    steps.push(...verdict.settle);
  }
  return result(unfinished(fold));
}
