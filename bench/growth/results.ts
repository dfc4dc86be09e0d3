import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { rounded } from '../harness/statistics';
import type { Curves } from './curves';
import type { GrowthOptions } from './options';

export interface GrowthResults {
  /** What a reader of the page has to know about this run; added by hand, never by a run. */
  readonly notes?: readonly string[];
  readonly growth: Curves;
  readonly seed: number;
  readonly date: string;
  readonly machine: {
    readonly cpus: number;
    readonly model: string;
    readonly memoryGb: number;
    readonly system: string;
    readonly node: string;
    readonly load: { readonly before: number; readonly after: number };
  };
  readonly run: {
    readonly quick: boolean;
    readonly tookSeconds: number;
    readonly drainEvents: number;
    readonly rounds: number;
  };
}

export function results(
  growth: Curves,
  options: GrowthOptions,
  run: { readonly tookSeconds: number; readonly loadBefore: number },
): GrowthResults {
  return {
    growth,
    seed: options.seed,
    date: new Date().toISOString(),
    machine: {
      cpus: cpus().length,
      model: cpus()[0]?.model ?? 'unknown',
      memoryGb: rounded(totalmem() / 2 ** 30),
      system: `${type()} ${release()}`,
      node: process.version,
      load: { before: rounded(run.loadBefore, 1), after: rounded(loadavg()[0] ?? NaN, 1) },
    },
    run: {
      quick: options.quick,
      tookSeconds: rounded(run.tookSeconds),
      drainEvents: options.sizes.drainEvents,
      rounds: options.sizes.rounds,
    },
  };
}

export function writeResults(file: string, all: GrowthResults): void {
  const tidy = (_key: string, value: unknown): unknown =>
    typeof value === 'number' && !Number.isInteger(value) ? rounded(value, value < 100 ? 1 : 0) : value;
  writeFileSync(file, `${JSON.stringify(all, tidy, 2)}\n`);
}

export function readResults(file: string): GrowthResults {
  return JSON.parse(readFileSync(file, 'utf8')) as GrowthResults;
}
