import { chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { OutboxError } from '../../domain/errors';
import { definedEnv, runCommand } from '../command';
import { trimLog, untilReady } from '../server';
import type { Server, ServerContext } from '../server';
import { POSTGRES_SETTINGS } from '../settings';
import { postgresBinaries } from './binaries';
import { chooseLauncher } from './launcher';
import type { Launcher } from './launcher';

/** The application's user and database. The user is no superuser, as on most managed servers. */
const NAME = 'outbox';
const SUPERUSER = 'postgres';

/** Where to reach the embedded Postgres as the application. */
export function postgresUrl(port: number, password: string): string {
  return `postgres://${NAME}:${password}@127.0.0.1:${port}/${NAME}`;
}

/** Prepares the embedded Postgres: finds its binaries and user, and creates the cluster if there is none. */
export async function preparePostgres(context: ServerContext, port: number, password: string): Promise<Server> {
  const { dataDir, env, log } = context;
  const home = join(dataDir, 'postgres');
  const cluster = join(home, 'cluster');
  const binaries = postgresBinaries();
  mkdirSync(home, { recursive: true });
  const launcher = await chooseLauncher(binaries.postgres, home, env);
  if (launcher.owner !== undefined) chownSync(home, launcher.owner.uid, launcher.owner.gid);
  if (!existsSync(cluster)) {
    log('creating the Postgres cluster');
    await createCluster(launcher, binaries.initdb, home, cluster, password);
  }
  const settings: Record<string, string> = {
    ...POSTGRES_SETTINGS,
    listen_addresses: '127.0.0.1',
    port: String(port),
    // No socket file: its default folder may be missing, and its path is too long in a deep data folder.
    unix_socket_directories: '',
  };
  const run = launcher.wrap(binaries.postgres, [
    '-D',
    cluster,
    ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
  ]);
  const logFile = join(dataDir, 'logs', 'postgres.log');
  trimLog(logFile);
  return {
    name: 'postgres',
    command: {
      name: 'postgres',
      file: run.file,
      args: run.args,
      env: postgresEnv(env),
      cwd: '/',
      logFile,
      uid: launcher.uid,
      gid: launcher.gid,
      stopSignal: 'SIGINT',
    },
    ready: (ended) => untilReady(ended, 60_000, () => ensureDatabase(port, password)),
  };
}

/** initdb works beside the final place: what a crash leaves half made is never taken for a cluster. */
async function createCluster(
  launcher: Launcher,
  initdb: string,
  home: string,
  cluster: string,
  password: string,
): Promise<void> {
  const draft = join(home, 'cluster.draft');
  const passwordFile = join(home, 'password.draft');
  rmSync(draft, { recursive: true, force: true });
  rmSync(passwordFile, { force: true });
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (launcher.owner !== undefined) chownSync(passwordFile, launcher.owner.uid, launcher.owner.gid);
  const run = launcher.wrap(initdb, [
    `--pgdata=${draft}`,
    `--username=${SUPERUSER}`,
    '--encoding=UTF8',
    '--locale=C',
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
  ]);
  try {
    const result = await runCommand(run.file, run.args, {
      env: postgresEnv(process.env),
      cwd: '/',
      uid: launcher.uid,
      gid: launcher.gid,
    });
    if (result.code !== 0) {
      throw new OutboxError(
        'POSTGRES_UNAVAILABLE',
        `Postgres' initdb failed:\n${result.output}\nMend what it names, or set DATABASE_URL to a server of your own.`,
      );
    }
    renameSync(draft, cluster);
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

/** Succeeds once the server answers and the application's user and database exist. */
async function ensureDatabase(port: number, password: string): Promise<void> {
  const client = new Client({ host: '127.0.0.1', port, user: SUPERUSER, password, database: SUPERUSER });
  // A server that goes away while we are connected is seen by its guard, not here.
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<{ done: boolean }>(
      'select exists (select from pg_database where datname = $1) as done',
      [NAME],
    );
    if (rows[0]?.done) return;
    const role = await client.query('select from pg_roles where rolname = $1', [NAME]);
    if (role.rowCount === 0) {
      const secret = client.escapeLiteral(password);
      await client.query(`create role ${NAME} login createdb createrole replication password ${secret}`);
      await client.query(`grant pg_monitor to ${NAME}`);
    }
    await client.query(`create database ${NAME} owner ${NAME}`);
  } finally {
    await client.end();
  }
}

/** Without the caller's PG* variables, which initdb and the server would follow (PGDATA, PGPORT, PGTZ …). */
function postgresEnv(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept = Object.entries(definedEnv(env)).filter(([name]) => !/^(PG|LC_|LANG)/.test(name));
  return { ...Object.fromEntries(kept), LC_ALL: 'C', TZ: 'UTC' };
}
