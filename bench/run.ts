import { now } from './harness/clock';
import { Closing } from './harness/closing';
import { startServers } from './harness/servers';
import { parseOptions } from './options';
import type { BenchOptions } from './options';
import { circumstances, writeJson } from './report/results';
import { table } from './report/table';
import { runSuite } from './suite';

type Log = (line: string) => void;

/** Resolves with the table; the figures are in the JSON file by then. */
async function bench(options: BenchOptions, closing: Closing, log: Log): Promise<string> {
  const servers = await startServers(closing, log);
  const up = now();
  const results = await runSuite(options, servers, closing, log);
  const around = circumstances(options, servers.embedded, (now() - up) / 1_000);
  if (options.json !== null) writeJson(options.json, results, around);
  return table(results, around);
}

/** Rejects when the run is interrupted or exceeds its time: then everything is ended, as after any other failure. */
function stopped(options: BenchOptions): Promise<never> {
  const { limitSeconds } = options.sizes;
  return new Promise((_, reject) => {
    process.once('SIGINT', () => reject(new Error('interrupted')));
    process.once('SIGTERM', () => reject(new Error('terminated')));
    setTimeout(() => reject(new Error(`not done after ${limitSeconds} s`)), limitSeconds * 1_000).unref();
  });
}

/** `npm run bench -- --json FILE [--quick] [--seed N] [--seconds S]`. Progress goes to stderr, the table to stdout. */
async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  const began = now();
  const log: Log = (line) =>
    void process.stderr.write(`${((now() - began) / 1_000).toFixed(1).padStart(6)} s  ${line}\n`);
  const closing = new Closing(log);
  log(`seed ${options.seed}`);
  try {
    process.stdout.write(`${await Promise.race([bench(options, closing, log), stopped(options)])}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return 1;
  } finally {
    await closing.close();
  }
}

void main().then((code) => process.exit(code));
