import { Command, InvalidArgumentError, Option } from 'commander';

export const PARTS = ['drain', 'latency', 'wake', 'ingest'] as const;

export type Part = (typeof PARTS)[number];

export interface BenchOptions {
  /** File for the figures as JSON; null = only the table. */
  readonly json: string | null;
  readonly quick: boolean;
  readonly seed: number;
  /** Length of the steady load; other timed windows are shares of it. */
  readonly seconds: number;
  /** Folder for a CPU profile of the worker; null = none. */
  readonly profile: string | null;
  /** What is measured; the figures of other parts are left out. */
  readonly parts: readonly Part[];
  readonly sizes: Sizes;
}

/** What differs between a quick and a full run. */
export interface Sizes {
  readonly drainEvents: number;
  readonly warmUpEvents: number;
  readonly drainPairs: number;
  /** Sleeping tenants, each woken once per round. */
  readonly sleepers: number;
  readonly sleepRounds: number;
  readonly lingering: number;
  /** Length of one window of ingest and wake, s, and how many pairs of them. */
  readonly windowSeconds: number;
  readonly ingestPairs: number;
  readonly wakePairs: number;
  /** The whole run must end within this, s: it fails rather than run on. */
  readonly limitSeconds: number;
}

const QUICK: Omit<Sizes, 'windowSeconds'> = {
  drainEvents: 20_000,
  warmUpEvents: 4_000,
  drainPairs: 1,
  sleepers: 50,
  sleepRounds: 1,
  lingering: 40,
  ingestPairs: 1,
  wakePairs: 5,
  limitSeconds: 180,
};

const FULL: Omit<Sizes, 'windowSeconds'> = {
  drainEvents: 100_000,
  warmUpEvents: 20_000,
  drainPairs: 3,
  sleepers: 50,
  sleepRounds: 4,
  lingering: 200,
  ingestPairs: 3,
  wakePairs: 11,
  limitSeconds: 900,
};

/** Parses `--json FILE --quick --seed N --seconds S --only PART --profile DIR`; ends the process with a message for anything else. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const command = new Command('npm run bench --')
    .description('Measures the product beside what bounds it, on real servers.')
    .option('--json <file>', 'write the figures as JSON')
    .option('--quick', 'fewer events and pairs: ends within a minute', false)
    .option('--seed <number>', 'same seed, same events', wholeNumber(0), Math.floor(Math.random() * 1e6))
    .option('--seconds <number>', 'length of the steady load (default: 10 with --quick, else 30)', wholeNumber(1))
    .addOption(new Option('--only <parts...>', 'measure only these').choices(PARTS))
    .option('--profile <folder>', 'write a CPU profile of the worker; slows it')
    .parse([...args], { from: 'user' });
  const given = command.opts<{
    json?: string;
    quick: boolean;
    seed: number;
    seconds?: number;
    only?: Part[];
    profile?: string;
  }>();
  const seconds = given.seconds ?? (given.quick ? 10 : 30);
  return {
    json: given.json ?? null,
    quick: given.quick,
    seed: given.seed,
    seconds,
    profile: given.profile ?? null,
    parts: given.only ?? PARTS,
    sizes: { ...(given.quick ? QUICK : FULL), windowSeconds: Math.max(1, seconds / 6) },
  };
}

function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= min) return value;
    throw new InvalidArgumentError(`must be a whole number from ${min} on`);
  };
}
