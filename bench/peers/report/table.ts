import Table from 'cli-table3';
import { PEER_NAMES } from '../peer';
import type { PeerName } from '../peer';
import type { PeerResult, PeersResults } from './results';

/** A figure of the comparison: a column of the table, a plot of the page. */
export interface Column {
  readonly head: string;
  readonly value: (peer: PeerResult) => number | null;
  readonly digits: number;
}

export const COLUMNS: readonly Column[] = [
  { head: 'drain, events/s', value: (peer) => peer.drainRate, digits: 0 },
  { head: 'p50 ms at 200/s', value: (peer) => peer.p50, digits: 1 },
  { head: 'p95 ms', value: (peer) => peer.p95, digits: 1 },
  { head: 'p99 ms', value: (peer) => peer.p99, digits: 1 },
  { head: 'p50 ms, single events', value: (peer) => peer.loneP50, digits: 1 },
  { head: 'CPU s / 100k', value: (peer) => peer.cpuSecondsPer100k, digits: 2 },
  { head: 'peak MiB', value: (peer) => peer.peakMb, digits: 0 },
  { head: 'duplicates after kill -9', value: (peer) => peer.duplicatesAfterKill, digits: 0 },
  { head: 'headers', value: (peer) => peer.headers, digits: 0 },
];

/** Those that were measured, in the fixed order. */
export function measured(results: PeersResults): readonly (readonly [PeerName, PeerResult])[] {
  return PEER_NAMES.flatMap((name) => {
    const peer = results.peers[name];
    return peer === undefined ? [] : [[name, peer] as const];
  });
}

export function formatted(value: number | null, digits: number): string {
  if (value === null || !Number.isFinite(value)) return '–';
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function rowOf(peer: PeerResult): string[] {
  return COLUMNS.map((column) => formatted(column.value(peer), column.digits));
}

/** The figures for a terminal. */
export function table(results: PeersResults): string {
  const rows = new Table({ head: ['peer', ...COLUMNS.map(({ head }) => head)], style: { head: [], border: [] } });
  for (const [name, peer] of measured(results)) rows.push([name, ...rowOf(peer)]);
  const { machine, run, seed, date } = results;
  return `${rows.toString()}\n${machine.cpus} × ${machine.model}, load ${machine.load.before.toFixed(1)} before; ${
    run.quick ? 'quick' : 'full'
  } run, seed ${seed}, ${date}`;
}
