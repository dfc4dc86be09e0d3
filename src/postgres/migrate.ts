import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { OutboxError, errorMessage } from '../domain/errors';
import { classify, sqlstateOf } from './errors';
import type { Db } from './query';
import { query } from './query';

export type MigrateCommand = 'up' | 'down' | 'status';

export interface MigrateOptions {
  /** Folder of the SQL files; default: `migrations` beside the package. */
  readonly dir?: string;
  /** up: at most so many; down: exactly so many (default 1). */
  readonly count?: number;
  /** Lines of progress. */
  readonly log?: (line: string) => void;
}

export interface MigrationStatus {
  readonly applied: readonly string[];
  readonly missing: readonly string[];
  /** In the database and not among our files: a newer release was here. */
  readonly unknown: readonly string[];
}

/**
 * Runs or undoes migrations and returns where the schema stands afterwards. All of one call are one transaction, and callers
 * wait for each other, so that every replica of a deployment may run it. The URL must reach the server directly: a
 * transaction pooler loses the advisory lock.
 */
export async function migrate(
  url: string,
  command: MigrateCommand,
  options: MigrateOptions = {},
): Promise<MigrationStatus> {
  const dir = options.dir ?? migrationsFolder();
  const client = new Client({ connectionString: url, application_name: 'temporal-outbox migrate' });
  // A connection that breaks between two statements rejects the next one; without a listener it would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect().catch((error: unknown) => {
      throw classify(error);
    });
    if (command !== 'status') await run(client, command, dir, options);
    return await migrationStatus(client, dir);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function run(client: Client, direction: 'up' | 'down', dir: string, options: MigrateOptions): Promise<void> {
  // node-pg-migrate is an ES module: under module node16 this stays a real import() in our CommonJS output.
  const { runner } = await import('node-pg-migrate');
  const log = options.log ?? ((): undefined => undefined);
  try {
    await runner({
      dbClient: client,
      dir,
      direction,
      ...(options.count === undefined ? {} : { count: options.count }),
      migrationsSchema: 'outbox',
      migrationsTable: 'migrations',
      createMigrationsSchema: true,
      singleTransaction: true,
      advisoryLockMode: 'wait',
      ignorePattern: '(?!.*\\.sql$).*',
      logger: { debug: log, info: log, warn: log, error: () => undefined },
    });
  } catch (error) {
    throw new OutboxError(
      'SCHEMA_MISMATCH',
      `migrate ${direction} failed, nothing was changed: ${errorMessage(error)}. Mend the cause and run it again.`,
      { cause: error, details: { sqlstate: sqlstateOf(error) } },
    );
  }
}

/** Which migrations the database has, compared with our files. */
export async function migrationStatus(db: Db, dir = migrationsFolder()): Promise<MigrationStatus> {
  const files = readdirSync(dir)
    .filter((file) => file.endsWith('.sql'))
    .map((file) => path.basename(file, '.sql'))
    .sort();
  const [table] = await query<{ there: boolean }>(db, `select to_regclass('outbox.migrations') is not null as there`);
  const rows = table?.there ? await query<{ name: string }>(db, 'select name from outbox.migrations order by id') : [];
  const applied = rows.map((row) => row.name);
  return {
    applied,
    missing: files.filter((name) => !applied.includes(name)),
    unknown: applied.filter((name) => !files.includes(name)),
  };
}

/** Throws SCHEMA_MISMATCH, saying what to run, unless the schema has exactly our migrations. The app never migrates itself. */
export async function checkSchema(db: Db, dir = migrationsFolder()): Promise<void> {
  const { missing, unknown } = await migrationStatus(db, dir);
  if (missing.length > 0) {
    throw new OutboxError(
      'SCHEMA_MISMATCH',
      `The database lacks ${missing.join(', ')}. Run: node dist/main.js migrate up`,
      { details: { missing } },
    );
  }
  if (unknown.length > 0) {
    throw new OutboxError(
      'SCHEMA_MISMATCH',
      `The database has ${unknown.join(', ')}, which this release does not know. Run the newer release, or with it: migrate down`,
      { details: { unknown } },
    );
  }
}

/** `migrations` in the nearest folder above this file: the depth differs between src, dist and dist-bench. */
export function migrationsFolder(): string {
  for (let folder = __dirname; ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, 'migrations');
    if (existsSync(path.join(candidate, '0001-baseline.sql'))) return candidate;
    if (folder === path.dirname(folder)) {
      throw new OutboxError('CONFIG_INVALID', 'The migrations folder is missing. Install the package again.');
    }
  }
}
