/**
 * Starts the embedded stack alone: prints one line of JSON (addresses and process ids) on stdout when it is up, the
 * progress on stderr, and runs until SIGTERM, SIGINT or the end of a piped stdin.
 */
import { fstatSync } from 'node:fs';
import { Command, Option } from 'commander';
import { errorMessage } from '../domain/errors';
import { SERVER_NAMES } from './guard-protocol';
import type { ServerName } from './guard-protocol';
import { startStack } from './index';

interface CliOptions {
  readonly dataDir: string;
  readonly only?: ServerName[];
}

/** A terminal or /dev/null says nothing about who started us; a pipe that closes says that they are gone. */
function stdinIsPipe(): boolean {
  const stat = fstatSync(0);
  return stat.isFIFO() || stat.isSocket();
}

async function main(): Promise<void> {
  const options = new Command()
    .name('stack')
    .description(
      'Runs real Postgres, Kafka and Temporal servers on loopback until SIGTERM or the end of a piped stdin.',
    )
    .addOption(new Option('--data-dir <folder>', 'data, logs, secrets').env('OUTBOX_DATA_DIR').default('.data'))
    .addOption(new Option('--only <servers...>', 'start no others than these').choices(SERVER_NAMES))
    .parse()
    .opts<CliOptions>();

  const stack = await startStack({
    dataDir: options.dataDir,
    ...(options.only === undefined ? {} : { only: options.only }),
    log: (line) => process.stderr.write(`${line}\n`),
  });
  let stopping = false;
  const stop = (why: string): void => {
    if (stopping) return;
    stopping = true;
    process.stderr.write(`ending the stack: ${why}\n`);
    void stack.stop().then(() => process.exit(0));
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => stop(signal));
  if (stdinIsPipe()) process.stdin.on('end', () => stop('stdin was closed')).resume();
  const { databaseUrl, kafkaBrokers, temporalAddress, temporalUiUrl, started, pids } = stack;
  const addresses = { databaseUrl, kafkaBrokers, temporalAddress, temporalUiUrl, started, pids };
  process.stdout.write(`${JSON.stringify(addresses)}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${errorMessage(error)}\n`);
  process.exitCode = 1;
});
