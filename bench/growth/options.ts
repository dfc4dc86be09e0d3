import { Command, InvalidArgumentError, Option } from 'commander';

export const CURVES = ['tenants', 'backlog', 'payload', 'stored', 'workers'] as const;

export type CurveName = (typeof CURVES)[number];

export interface GrowthOptions {
  /** File for the figures; null = only the table on the terminal. */
  readonly json: string | null;
  /** Measure nothing: write the page and its plots from this file of an earlier run. */
  readonly report: string | null;
  readonly quick: boolean;
  readonly seed: number;
  readonly curves: readonly CurveName[];
  readonly sizes: GrowthSizes;
}

/** What differs between a quick and a full run. */
export interface GrowthSizes {
  /** Events of one drain, however many tenants share them. */
  readonly drainEvents: number;
  /** Drains per point; the median counts. */
  readonly rounds: number;
  readonly tenants: readonly number[];
  /** Events of one drain of the backlog curve: so many that starting the publishers is a small part of it. */
  readonly backlogEvents: number;
  readonly backlogTenants: readonly number[];
  /** Published events that are in the table before the drain. */
  readonly stored: readonly number[];
  readonly payloadBytes: readonly number[];
  /** Payload bytes of one drain of the payload curve, at most. */
  readonly payloadTotal: number;
  readonly workers: readonly number[];
  /** The whole run fails rather than go on for longer, s. */
  readonly limitSeconds: number;
}

const QUICK: GrowthSizes = {
  drainEvents: 20_000,
  rounds: 1,
  tenants: [1, 20],
  backlogEvents: 60_000,
  backlogTenants: [1, 20],
  stored: [10_000, 100_000],
  payloadBytes: [100, 1_024, 16_384],
  payloadTotal: 16 * 1024 * 1024,
  workers: [1, 2],
  limitSeconds: 400,
};

const FULL: GrowthSizes = {
  drainEvents: 100_000,
  rounds: 3,
  tenants: [1, 10, 20, 100, 1_000],
  backlogEvents: 400_000,
  backlogTenants: [1, 20],
  stored: [10_000, 100_000, 1_000_000, 5_000_000],
  payloadBytes: [100, 300, 1_024, 4_096, 16_384, 65_536],
  payloadTotal: 128 * 1024 * 1024,
  workers: [1, 2, 4],
  limitSeconds: 2_400,
};

/** Parses the command line; ends the process with a message for anything that it does not know. */
export function parseOptions(args: readonly string[]): GrowthOptions {
  const command = new Command('npm run bench:growth --')
    .description('Measures how the drain rate changes as tenants, stored events, payloads and workers grow.')
    .option('--json <file>', 'write the figures as JSON')
    .option('--report <file>', 'measure nothing, write docs/performance-growth.md and its plots from this JSON file')
    .option('--quick', 'few small points, one drain each', false)
    .option('--seed <number>', 'same seed, same events', wholeNumber, Math.floor(Math.random() * 1e6))
    .addOption(new Option('--only <curves...>', 'measure only these').choices(CURVES))
    .parse([...args], { from: 'user' });
  const given = command.opts<{ json?: string; report?: string; quick: boolean; seed: number; only?: CurveName[] }>();
  return {
    json: given.json ?? null,
    report: given.report ?? null,
    quick: given.quick,
    seed: given.seed,
    curves: given.only ?? CURVES,
    sizes: given.quick ? QUICK : FULL,
  };
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('must be a whole number from 0 on');
}
