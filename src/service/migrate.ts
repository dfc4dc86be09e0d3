import type { Config } from '../config';
import { OutboxError, errorMessage } from '../domain/errors';
import { migrate } from '../postgres/migrate';
import type { MigrateCommand } from '../postgres/migrate';
import { registerSearchAttributes } from '../temporal/search-attributes';
import type { TemporalTarget } from '../temporal/client';
import { layFoundation } from './foundation';
import { prepareLedger } from './relay-ledger';
import { provideServers } from './servers';

const DIRECTIONS: readonly string[] = ['up', 'down', 'status'] satisfies MigrateCommand[];

/** `migrate up|down|status`: changes the schema through the direct URL and prints where it stands. Exit 1 = not current. */
export async function runMigrate(direction: string): Promise<number> {
  if (!DIRECTIONS.includes(direction)) {
    process.stderr.write(`migrate ${direction} is not known. Use migrate up, migrate down or migrate status.\n`);
    return 2;
  }
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const servers = await provideServers(process.env, print, ['postgres']);
  try {
    const url = servers.config.database.directUrl;
    if (url === null)
      throw new OutboxError('CONFIG_INVALID', 'DATABASE_URL is not set. Set it, then run migrate again.');
    const status = await migrate(url, direction as MigrateCommand, { log: print });
    for (const name of status.applied) print(`applied  ${name}`);
    for (const name of status.missing) print(`missing  ${name}`);
    for (const name of status.unknown) print(`unknown  ${name}`);
    const { temporal } = servers.config;
    if (direction === 'up' && temporal.address !== null) {
      await prepareTemporal({ address: temporal.address, namespace: temporal.namespace }, print);
    }
    if (direction === 'up') await prepareRelays(servers.config, print);
    return direction === 'status' && (status.missing.length > 0 || status.unknown.length > 0) ? 1 : 0;
  } finally {
    await servers.stack?.stop();
  }
}

/** Makes the relays' ledger. Where Kafka is not there yet a worker makes it when it starts, but adds no partitions. */
async function prepareRelays(config: Config, print: (line: string) => void): Promise<void> {
  if (config.kafka.brokers === null || config.temporal.address === null) return;
  const foundation = await layFoundation(config, 'migrate', 'caller');
  try {
    const { topic, partitions } = await prepareLedger(config, foundation);
    print(`ledger   ${topic} has ${partitions} partitions`);
  } catch (error) {
    print(`warning  the ledger is not ready: ${errorMessage(error)}`);
  } finally {
    await foundation.close();
  }
}

/** Registers what operators filter publishers by. Without the right to, or without Temporal, everything else works. */
export async function prepareTemporal(target: TemporalTarget, print: (line: string) => void): Promise<void> {
  const { added, problems } = await registerSearchAttributes(target);
  for (const name of added) print(`search attribute ${name} registered`);
  for (const problem of problems) print(`warning  ${problem}; publishers work without it`);
}
