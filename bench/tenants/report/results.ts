import { writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { rounded } from '../../harness/statistics';
import type { BareWakes } from '../bare/bare';
import type { Latency } from '../harness/open-loop';
import type { Asleep } from '../measure/asleep';
import type { Cold } from '../measure/cold';
import type { Drain } from '../measure/drains';
import type { Quiet } from '../measure/quiet';
import type { Recovery } from '../measure/recover';
import type { Idle, Sparse } from '../measure/sparse';
import type { TenantsOptions } from '../options';

/** Figures of the parts that were measured. Rates are per second, latencies in ms. */
export interface Measured {
  /** By number of tenants, and `ownTopics`. */
  drains?: Readonly<Record<string, Drain>>;
  sparse?: SparseParts;
  quiet?: Quiet;
  /** The longest of `recoveries`. */
  recoverSeconds?: number;
  recoveries?: readonly Recovery[];
  cold?: Cold;
}

/** By number of tenants beside these names. */
export interface SparseParts {
  readonly [tenants: number]: Sparse;
  readonly one?: Sparse;
  readonly lone?: Latency;
  readonly bare?: BareWakes;
  readonly asleep?: Asleep;
  readonly idle?: readonly Idle[];
}

/** Under which circumstances they were measured. */
export interface Circumstances {
  readonly seed: number;
  readonly date: string;
  readonly quick: boolean;
  /** Without start and end of the servers. */
  readonly tookSeconds: number;
  /** One minute's load of the machine when the run began: above its cores something else was at work. */
  readonly loadBefore: number;
  readonly machine: {
    readonly cpus: number;
    readonly model: string;
    readonly memoryGb: number;
    readonly system: string;
    readonly node: string;
    /** Servers that shared the machine with everything else. */
    readonly embedded: readonly string[];
  };
  readonly sizes: TenantsOptions['sizes'];
}

export function circumstances(
  options: TenantsOptions,
  embedded: readonly string[],
  run: { readonly tookSeconds: number; readonly loadBefore: number },
): Circumstances {
  return {
    seed: options.seed,
    date: new Date().toISOString(),
    quick: options.quick,
    tookSeconds: rounded(run.tookSeconds, 1),
    loadBefore: rounded(run.loadBefore, 1),
    machine: {
      cpus: cpus().length,
      model: cpus()[0]?.model ?? 'unknown',
      memoryGb: rounded(totalmem() / 2 ** 30),
      system: `${type()} ${release()}`,
      node: process.version,
      embedded,
    },
    sizes: options.sizes,
  };
}

/** `drain` has the rates alone; `drains` what else is known of them. */
export function asJson(measured: Measured, around: Circumstances): Record<string, unknown> {
  const { drains, ...rest } = measured;
  const drain =
    drains && Object.fromEntries(Object.entries(drains).map(([tenants, { rate }]) => [tenants, rate] as const));
  return { ...(drain && { drain }), ...rest, ...(drains && { drains }), ...around };
}

export function writeJson(file: string, measured: Measured, around: Circumstances): void {
  writeFileSync(file, `${JSON.stringify(asJson(measured, around), null, 2)}\n`);
}

export function loadNow(): number {
  return loadavg()[0] ?? NaN;
}
