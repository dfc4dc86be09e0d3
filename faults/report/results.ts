import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import type { FaultResult } from '../runner/live-scene';
import type { ScenarioResult } from '../runner/run-scenario';

/** Memory and file descriptors of processes that no fault touched, over the whole soak. */
export interface SoakFigures {
  readonly minutes: number;
  /** Of the worker whose memory grew most, by least squares over all samples after the warm-up. */
  readonly rssSlopeMbPerMinute: number;
  readonly fdsFirst: number;
  readonly fdsLast: number;
  readonly rssFirstMb: number;
  readonly rssLastMb: number;
  readonly samples: number;
}

/** The file of a run. The first six are what others read. */
export interface FaultsResults {
  readonly seed: number;
  readonly events: number;
  readonly missing: number;
  readonly duplicates: number;
  readonly orderBreaks: number;
  readonly faults: readonly (FaultResult & { readonly scenario: string })[];
  readonly soak?: SoakFigures;
  /** True if every scenario ended as it should, every planned fault happened, and every audit was clean. */
  readonly clean: boolean;
  readonly otherFindings: number;
  readonly scenarios: readonly ScenarioResult[];
  readonly date: string;
  readonly tookSeconds: number;
  readonly seconds: number;
  readonly quick: boolean;
  /** The scenarios or groups that were asked for; null = all. */
  readonly only: readonly string[] | null;
  readonly machine: {
    readonly cpus: number;
    readonly model: string;
    readonly memoryGb: number;
    readonly system: string;
    readonly node: string;
  };
}

export interface Circumstances {
  readonly seed: number;
  readonly seconds: number;
  readonly quick: boolean;
  readonly only: readonly string[] | null;
  readonly tookSeconds: number;
  readonly soak?: SoakFigures;
}

export function results(scenarios: readonly ScenarioResult[], circumstances: Circumstances): FaultsResults {
  const sum = (of: (result: ScenarioResult) => number): number =>
    scenarios.reduce((total, result) => total + of(result), 0);
  const { seed, seconds, quick, only, tookSeconds, soak } = circumstances;
  return {
    seed,
    events: sum(({ events }) => events),
    missing: sum(({ missing }) => missing),
    duplicates: sum(({ duplicates }) => duplicates),
    orderBreaks: sum(({ orderBreaks }) => orderBreaks),
    faults: scenarios.flatMap(({ name: scenario, faults }) => faults.map((fault) => ({ ...fault, scenario }))),
    ...(soak !== undefined && { soak }),
    clean: scenarios.length > 0 && scenarios.every(({ failure }) => failure === null),
    otherFindings: sum(({ otherFindings }) => otherFindings),
    scenarios,
    date: new Date().toISOString(),
    tookSeconds: Math.round(tookSeconds),
    seconds,
    quick,
    only,
    machine: {
      cpus: cpus().length,
      model: cpus()[0]?.model ?? 'unknown',
      memoryGb: Math.round(totalmem() / 2 ** 30),
      system: `${type()} ${release()}`,
      node: process.version,
    },
  };
}

export function writeResults(file: string, written: FaultsResults): void {
  writeFileSync(file, `${JSON.stringify(written, null, 2)}\n`);
}

export function readResults(file: string): FaultsResults {
  const read = JSON.parse(readFileSync(file, 'utf8')) as Partial<FaultsResults>;
  if (read.scenarios === undefined || read.faults === undefined) {
    throw new Error(`${file} is not a file that "npm run faults -- --json FILE" wrote. Name one that is.`);
  }
  return read as FaultsResults;
}
