import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chownSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { postgresBinaries } from '../../src/stack/postgres/binaries';
import { chooseLauncher } from '../../src/stack/postgres/launcher';
import { POSTGRES_SETTINGS } from '../../src/stack/settings';
import { choosePort } from '../../src/stack/ports';
import { until } from '../harness/waiting';

export interface Primary {
  /** Data folder of the fault stack. */
  readonly dataDir: string;
  readonly databaseUrl: string;
  /** Where the standby streams from, if not from the primary's own port: a proxy that can hold replication up. */
  readonly streamPort?: number;
}

/** The same server as its superuser, who has the password of the application's user on the embedded stack. */
export function superuserUrl(databaseUrl: string, change: { readonly port?: number } = {}): string {
  const url = new URL(databaseUrl);
  url.username = 'postgres';
  url.pathname = '/postgres';
  if (change.port !== undefined) url.port = String(change.port);
  return url.href;
}

/** Runs `work` on a connection of its own. */
export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** An asynchronous standby of the embedded Postgres. */
export class Standby {
  private constructor(
    readonly port: number,
    private readonly url: string,
    private readonly process: ChildProcess,
    private readonly folder: string,
  ) {}

  /** Copies the running primary (no pg_basebackup comes with it), and streams from it once this resolves. */
  static async start(primary: Primary): Promise<Standby> {
    const folder = join(primary.dataDir, 'postgres', 'standby');
    const { postgres } = postgresBinaries();
    const launcher = await chooseLauncher(postgres, join(primary.dataDir, 'postgres'), process.env);
    const own = (path: string): void => {
      if (launcher.owner !== undefined) chownSync(path, launcher.owner.uid, launcher.owner.gid);
    };
    const { port: ownPort, password } = new URL(primary.databaseUrl);
    await withClient(superuserUrl(primary.databaseUrl), async (client) => {
      await client.query(`select pg_backup_start('standby', true)`);
      execFileSync('cp', ['-a', join(primary.dataDir, 'postgres', 'cluster'), folder]);
      const { rows } = await client.query<{ labelfile: string }>('select labelfile from pg_backup_stop(false)');
      writeFileSync(join(folder, 'backup_label'), rows[0]?.labelfile ?? '');
    });
    rmSync(join(folder, 'postmaster.pid'), { force: true });
    writeFileSync(join(folder, 'standby.signal'), '');
    for (const name of ['backup_label', 'standby.signal']) own(join(folder, name));
    const from = `host=127.0.0.1 port=${primary.streamPort ?? ownPort} user=postgres password=${password}`;
    const port = await choosePort('', {}, undefined, new Set());
    // A standby refuses to have less of anything than its primary.
    const settings = {
      ...POSTGRES_SETTINGS,
      port: String(port),
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      primary_conninfo: from,
    };
    const options = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
    const { file, args } = launcher.wrap(postgres, ['-D', folder, ...options]);
    mkdirSync(join(primary.dataDir, 'logs'), { recursive: true });
    const log = openSync(join(primary.dataDir, 'logs', 'standby.log'), 'a');
    const { uid, gid } = launcher;
    const child = spawn(file, args, {
      cwd: '/',
      stdio: ['ignore', log, log],
      env: { LC_ALL: 'C', TZ: 'UTC' },
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
    });
    const standby = new Standby(port, superuserUrl(primary.databaseUrl, { port }), child, folder);
    await until('the standby to stream', async () => standby.#isStreaming().catch(() => false), 30_000);
    return standby;
  }

  /** Becomes the primary, on its own port. */
  async promote(): Promise<void> {
    await withClient(this.url, async (client) => {
      await client.query('select pg_promote(true, 30)');
    });
  }

  async stop(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const ended = new Promise((resolve) => this.process.once('exit', resolve));
      this.process.kill('SIGQUIT');
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #isStreaming(): Promise<boolean> {
    return withClient(this.url, async (client) => {
      const { rows } = await client.query(`select 1 from pg_stat_wal_receiver where status = 'streaming'`);
      return rows.length > 0;
    });
  }
}
