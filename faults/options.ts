import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';

export interface FaultsOptions {
  /** File for the results; null = only progress and the table on the terminal. */
  readonly json: string | null;
  /** Break nothing: write docs/reliability.md from these files of earlier runs. */
  readonly report: readonly string[] | null;
  readonly quick: boolean;
  readonly list: boolean;
  readonly seed: number;
  /** Length of faults that have none of their own, s. */
  readonly seconds: number;
  /** Names of scenarios or groups; null = all. */
  readonly only: readonly string[] | null;
  /** Length of the soak, min; null = no soak. */
  readonly soakMinutes: number | null;
  /** With a soak: file for what the workers' memory is made of, minute by minute; null = not asked. */
  readonly memoryLog: string | null;
}

/** Parses the command line; ends the process with a message for anything that it does not know. */
export function parseOptions(args: readonly string[], names: readonly string[]): FaultsOptions {
  const known = new Set(names);
  const given = new Command('npm run faults --')
    .description(
      'Breaks everything around a running installation while events flow, then audits what arrived in Kafka.',
    )
    .option('--json <file>', 'write the results as JSON')
    .option('--report <files...>', 'break nothing, write docs/reliability.md from these JSON files')
    .option('--quick', 'a short selection, at most 6 minutes', false)
    .option('--list', 'print the scenarios and end', false)
    .option('--seed <number>', 'same seed, same plan and events', wholeNumber(0), Math.floor(Math.random() * 1e6))
    .option('--seconds <number>', 'length of faults that go on (default: 6 with --quick, else 15)', wholeNumber(1))
    .option('--only <names...>', 'these scenarios or groups only', (name: string, before: string[] = []) => {
      if (known.has(name)) return [...before, name];
      throw new InvalidArgumentError(`"${name}" is no scenario and no group; --list prints them`);
    })
    .option(
      '--soak <minutes>',
      'mixed faults at random on one installation for so long, in place of the scenarios',
      wholeNumber(1),
    )
    .option('--memory <file>', "with --soak: append what the workers' memory is made of, once a minute")
    .parse([...args], { from: 'user' })
    .opts<{
      json?: string;
      report?: string[];
      quick: boolean;
      list: boolean;
      seed: number;
      seconds?: number;
      only?: string[];
      soak?: number;
      memory?: string;
    }>();
  return {
    json: given.json ?? null,
    report: given.report ?? null,
    quick: given.quick,
    list: given.list,
    seed: given.seed,
    seconds: given.seconds ?? (given.quick ? 6 : 15),
    only: given.only ?? null,
    soakMinutes: given.soak ?? null,
    memoryLog: given.memory === undefined ? null : resolve(given.memory),
  };
}

function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= min) return value;
    throw new InvalidArgumentError(`must be a whole number from ${min} on`);
  };
}
