import { Command, InvalidArgumentError } from 'commander';
import { PEER_NAMES, isPeerName } from './peer';
import type { PeerName } from './peer';

export interface PeersOptions {
  /** File for the figures; null = only progress and the table on the terminal. */
  readonly json: string | null;
  /** Measure nothing: write plots and page from this file of an earlier run. */
  readonly report: string | null;
  readonly quick: boolean;
  readonly seed: number;
  /** Length of the steady load, s. */
  readonly seconds: number;
  readonly names: readonly PeerName[];
  readonly sizes: PeersSizes;
}

/** What differs between a quick and a full run. */
export interface PeersSizes {
  readonly drainEvents: number;
  readonly warmUpEvents: number;
  /** Drains per peer, as many as fit into `capSeconds` together; the median counts. */
  readonly drainRounds: number;
  readonly killEvents: number;
  /** No single measure of a peer goes on for longer, s. */
  readonly capSeconds: number;
  /** Other payload sizes, bytes, and how many events of each. */
  readonly otherPayloads: readonly { readonly bytes: number; readonly events: number }[];
  /** The whole run fails rather than go on for longer, s. */
  readonly limitSeconds: number;
}

const QUICK: PeersSizes = {
  drainEvents: 10_000,
  warmUpEvents: 2_000,
  drainRounds: 1,
  killEvents: 10_000,
  capSeconds: 20,
  otherPayloads: [],
  limitSeconds: 900,
};

const FULL: PeersSizes = {
  drainEvents: 100_000,
  warmUpEvents: 20_000,
  drainRounds: 3,
  killEvents: 50_000,
  capSeconds: 60,
  otherPayloads: [
    { bytes: 100, events: 100_000 },
    { bytes: 1_600, events: 50_000 },
    { bytes: 16_384, events: 5_000 },
  ],
  limitSeconds: 2_400,
};

/** Parses the command line; ends the process with a message for anything that it does not know. */
export function parseOptions(args: readonly string[]): PeersOptions {
  const command = new Command('npm run bench:peers --')
    .description('Measures what a user could pick instead, beside this project: same servers, payloads and consumer.')
    .option('--json <file>', 'write the figures as JSON')
    .option('--report <file>', 'measure nothing, write docs/performance-peers.md and its plots from this JSON file')
    .option('--quick', 'fewer events, no other payload sizes', false)
    .option('--seed <number>', 'same seed, same events', wholeNumber(0), Math.floor(Math.random() * 1e6))
    .option('--seconds <number>', 'length of the steady load (default: 5 with --quick, else 20)', wholeNumber(1))
    .option('--events <number>', 'events per drain, for a trial', wholeNumber(100))
    .option('--only <names>', `comma-separated, of ${PEER_NAMES.join(',')}`, peerNames)
    .parse([...args], { from: 'user' });
  const given = command.opts<{
    json?: string;
    report?: string;
    quick: boolean;
    seed: number;
    seconds?: number;
    events?: number;
    only?: readonly PeerName[];
  }>();
  const sizes = given.quick ? QUICK : FULL;
  return {
    json: given.json ?? null,
    report: given.report ?? null,
    quick: given.quick,
    seed: given.seed,
    seconds: Math.min(given.seconds ?? (given.quick ? 5 : 20), 55),
    names: given.only ?? PEER_NAMES,
    sizes: given.events === undefined ? sizes : { ...sizes, drainEvents: given.events, killEvents: given.events },
  };
}

function peerNames(text: string): readonly PeerName[] {
  return text.split(',').map((name) => {
    if (isPeerName(name)) return name;
    throw new InvalidArgumentError(`"${name}" is none of ${PEER_NAMES.join(', ')}`);
  });
}

function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= min) return value;
    throw new InvalidArgumentError(`must be a whole number from ${min} on`);
  };
}
