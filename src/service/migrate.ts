import { OutboxError } from '../domain/errors';
import { migrate } from '../postgres/migrate';
import type { MigrateCommand } from '../postgres/migrate';
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
    return direction === 'status' && (status.missing.length > 0 || status.unknown.length > 0) ? 1 : 0;
  } finally {
    await servers.stack?.stop();
  }
}
