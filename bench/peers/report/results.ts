import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { rounded } from '../../harness/statistics';
import { LONE_PER_SECOND, STEADY_PER_SECOND } from '../measure/latency';
import type { PeersOptions } from '../options';
import type { PeerName } from '../peer';
import type { PeerFigures } from '../suite';

/** One peer in the file. Rates per second, times in ms, memory in MiB; the first seven are what others read. */
export interface PeerResult {
  readonly drainRate: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** Of single events. */
  readonly loneP50: number;
  readonly cpuSecondsPer100k: number;
  readonly peakMb: number | null;
  readonly duplicatesAfterKill: number;
  /** Headers of each message, as the consumer saw them. */
  readonly headers: number;
  readonly about: string;
  /** Events per second by payload bytes. */
  readonly otherPayloads: Readonly<Record<string, number>>;
  readonly details: Pick<PeerFigures, 'drain' | 'latency' | 'lone' | 'kill'>;
}

export interface PeersResults {
  /** What a reader of the page has to know about this run; added by hand, never by a run. */
  readonly notes?: readonly string[];
  readonly peers: { readonly [name in PeerName]?: PeerResult };
  readonly seed: number;
  readonly date: string;
  readonly machine: {
    readonly cpus: number;
    readonly model: string;
    readonly memoryGb: number;
    readonly system: string;
    readonly node: string;
    /** Load averages over one minute, before and after the run. */
    readonly load: { readonly before: number; readonly after: number };
  };
  readonly run: {
    readonly quick: boolean;
    readonly tookSeconds: number;
    readonly payloadBytes: number;
    readonly partitions: number;
    readonly drainEvents: number;
    readonly steadyPerSecond: number;
    readonly lonePerSecond: number;
    readonly steadySeconds: number;
    readonly capSeconds: number;
  };
}

export function peerResult(figures: PeerFigures): PeerResult {
  const { drain, latency, lone, kill, about, otherPayloads, peakMb } = figures;
  return {
    drainRate: drain.rate,
    p50: latency.p50,
    p95: latency.p95,
    p99: latency.p99,
    loneP50: lone.p50,
    cpuSecondsPer100k: drain.cpuSecondsPer100k,
    peakMb,
    duplicatesAfterKill: kill.duplicates,
    headers: latency.headers.length,
    about,
    otherPayloads,
    details: { drain, latency, lone, kill },
  };
}

export function circumstances(
  options: PeersOptions,
  around: {
    readonly loadBefore: number;
    readonly tookSeconds: number;
    readonly payloadBytes: number;
    readonly partitions: number;
  },
): Omit<PeersResults, 'peers'> {
  return {
    seed: options.seed,
    date: new Date().toISOString(),
    machine: {
      cpus: cpus().length,
      model: cpus()[0]?.model ?? 'unknown',
      memoryGb: rounded(totalmem() / 2 ** 30),
      system: `${type()} ${release()}`,
      node: process.version,
      load: { before: around.loadBefore, after: loadavg()[0] ?? NaN },
    },
    run: {
      quick: options.quick,
      tookSeconds: around.tookSeconds,
      payloadBytes: around.payloadBytes,
      partitions: around.partitions,
      drainEvents: options.sizes.drainEvents,
      steadyPerSecond: STEADY_PER_SECOND,
      lonePerSecond: LONE_PER_SECOND,
      steadySeconds: options.seconds,
      capSeconds: options.sizes.capSeconds,
    },
  };
}

/** Rates as whole numbers from 1,000 on, all else with two decimals: the rest of the digits is noise. */
export function writeResults(file: string, results: PeersResults): void {
  const tidy = (_key: string, value: unknown): unknown =>
    typeof value === 'number' ? rounded(value, value < 1_000 ? 2 : 0) : value;
  writeFileSync(file, `${JSON.stringify(results, tidy, 2)}\n`);
}

export function readResults(file: string): PeersResults {
  const results = JSON.parse(readFileSync(file, 'utf8')) as Partial<PeersResults>;
  if (results.peers === undefined || results.run === undefined) {
    throw new Error(`${file} is not a file that "npm run bench:peers -- --json FILE" wrote. Name one that is.`);
  }
  return results as PeersResults;
}
