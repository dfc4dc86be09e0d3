import { writeFileSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import type { DrainResult } from '../drain/measure';
import type { IngestResult } from '../ingest/measure';
import type { Latency } from '../latency/measure';
import type { BenchOptions } from '../options';
import { rounded } from '../harness/statistics';
import type { WakeResult } from '../wake/measure';

/** The figures, in the form that is written with --json. Rates are per second, memory is in MiB (null = not known here). */
export interface Results {
  readonly drain: { readonly tenants1: DrainResult; readonly tenants20: DrainResult };
  readonly latencyMs: { readonly asleep: Latency; readonly lingering: Latency; readonly steady200: Latency };
  readonly ingest: IngestResult;
  readonly wake: WakeResult;
  readonly memoryMb: { readonly api: number | null; readonly worker: number | null };
}

/** Figures of the parts that were measured; all, unless --only says otherwise. */
export type Measured = { -readonly [K in keyof Results]?: Results[K] };

/** Under which circumstances they were measured. */
export interface Circumstances {
  readonly seed: number;
  readonly date: string;
  readonly machine: {
    readonly cpus: number;
    readonly model: string;
    readonly memoryGb: number;
    readonly system: string;
    readonly node: string;
    /** Servers that shared the machine with everything else. */
    readonly embedded: readonly string[];
  };
  readonly run: {
    readonly quick: boolean;
    /** Without start and end of the servers. */
    readonly tookSeconds: number;
    readonly drainEvents: number;
    readonly drainPairs: number;
    readonly steadySeconds: number;
  };
}

export function circumstances(options: BenchOptions, embedded: readonly string[], tookSeconds: number): Circumstances {
  return {
    seed: options.seed,
    date: new Date().toISOString(),
    machine: {
      cpus: cpus().length,
      model: cpus()[0]?.model ?? 'unknown',
      memoryGb: rounded(totalmem() / 2 ** 30),
      system: `${type()} ${release()}`,
      node: process.version,
      embedded,
    },
    run: {
      quick: options.quick,
      tookSeconds: rounded(tookSeconds, 1),
      drainEvents: options.sizes.drainEvents,
      drainPairs: options.sizes.drainPairs,
      steadySeconds: options.seconds,
    },
  };
}

/** Ratios keep three decimals, times one, rates and memory none. */
export function writeJson(file: string, results: Measured, around: Circumstances): void {
  const tidy = (key: string, value: unknown): unknown => {
    if (typeof value !== 'number' || key === 'seed' || Number.isInteger(value)) return value;
    if (key === 'ratio') return rounded(value, 3);
    return rounded(value, value < 1_000 ? 1 : 0);
  };
  writeFileSync(file, `${JSON.stringify({ ...results, ...around }, tidy, 2)}\n`);
}
