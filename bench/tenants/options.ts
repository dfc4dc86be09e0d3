import { Command, InvalidArgumentError, Option } from 'commander';

export const PARTS = ['drain', 'sparse', 'quiet', 'recover', 'cold'] as const;

/** Kills and cold tenants take minutes of their own. */
const QUICK_PARTS = ['drain', 'sparse', 'quiet'] as const;

export type Part = (typeof PARTS)[number];

export interface TenantsOptions {
  /** File for the figures as JSON; null = only the table. */
  readonly json: string | null;
  readonly quick: boolean;
  readonly seed: number;
  readonly parts: readonly Part[];
  readonly sizes: TenantsSizes;
}

/** What differs between a quick and a full run. Times are in seconds. */
export interface TenantsSizes {
  readonly drainEvents: number;
  /** How many tenants share the events of a drain; the largest number is attached for the sparse part too. */
  readonly drainTenants: readonly number[];
  /** Rounds, in each of which every number of tenants has its turn. */
  readonly drainRounds: number;
  /** Tenants that drain on topics of their own; 0 = not measured. */
  readonly ownTopics: number;
  /** Tenants that are never seen before; with the full sizes they idle and drain afterwards. */
  readonly many: number;
  readonly sleepers: number;
  /** Each of: bare wakes as fast as they go, and in an open loop. */
  readonly bareSeconds: number;
  readonly sparseSeconds: number;
  readonly loneEvents: number;
  readonly idleSeconds: number;
  readonly quietSeconds: number;
  readonly backlog: number;
  /** Workers killed, one after the other. */
  readonly kills: number;
  /** The whole run fails rather than go on for longer. */
  readonly limitSeconds: number;
}

const QUICK: TenantsSizes = {
  drainEvents: 20_000,
  drainTenants: [1, 20, 100, 1_000],
  drainRounds: 1,
  ownTopics: 0,
  many: 1_000,
  sleepers: 100,
  bareSeconds: 4,
  sparseSeconds: 10,
  loneEvents: 150,
  idleSeconds: 4,
  quietSeconds: 8,
  backlog: 40_000,
  kills: 1,
  limitSeconds: 600,
};

const FULL: TenantsSizes = {
  drainEvents: 100_000,
  drainTenants: [1, 20, 100, 1_000],
  drainRounds: 3,
  ownTopics: 1_000,
  many: 10_000,
  sleepers: 1_000,
  bareSeconds: 10,
  sparseSeconds: 30,
  loneEvents: 2_000,
  idleSeconds: 20,
  quietSeconds: 30,
  backlog: 300_000,
  kills: 3,
  limitSeconds: 5_400,
};

/** Parses the command line; ends the process with a message for anything that it does not know. */
export function parseOptions(args: readonly string[]): TenantsOptions {
  const command = new Command('npm run bench:tenants --')
    .description('Measures what many tenants cost beside one, on the relays.')
    .option('--json <file>', 'write the figures as JSON')
    .option('--quick', 'fewer events, up to 1,000 tenants, kills and cold tenants only when asked for', false)
    .option('--seed <number>', 'same seed, same events', wholeNumber, Math.floor(Math.random() * 1e6))
    .option('--most <tenants>', 'no more tenants than this in any part: to try the bench itself', wholeNumber)
    .addOption(new Option('--only <parts...>', 'measure only these').choices(PARTS))
    .parse([...args], { from: 'user' });
  const given = command.opts<{ json?: string; quick: boolean; seed: number; most?: number; only?: Part[] }>();
  const sizes = given.quick ? QUICK : FULL;
  return {
    json: given.json ?? null,
    quick: given.quick,
    seed: given.seed,
    parts: given.only ?? (given.quick ? QUICK_PARTS : PARTS),
    sizes: given.most === undefined ? sizes : atMost(sizes, given.most),
  };
}

function atMost(sizes: TenantsSizes, most: number): TenantsSizes {
  return {
    ...sizes,
    drainTenants: [...new Set(sizes.drainTenants.map((count) => Math.min(count, most)))],
    ownTopics: Math.min(sizes.ownTopics, most),
    many: Math.min(sizes.many, most),
    sleepers: Math.min(sizes.sleepers, most),
  };
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError('must be a whole number from 1 on');
}
