import { join } from 'node:path';
import { Child } from '../../faults/harness/child';
import { packageRoot } from '../../src/stack/locations';
import { poll } from './clock';
import type { BenchServers } from './servers';

const ADMIN_KEY = 'bench-admin-key';
const MAIN = join(packageRoot(), 'dist', 'main.js');

/** The product's processes, started as a user starts them and with its defaults: what is measured is what ships. */
export class Product {
  constructor(
    private readonly servers: BenchServers,
    /** Where the worker writes a CPU profile when it ends; null = none. */
    private readonly profileDir: string | null,
  ) {}

  async migrate(): Promise<void> {
    const child = this.#launch('migrate', ['migrate', 'up'], []);
    const { code } = await child.mustEnd(60_000);
    if (code !== 0) throw new Error(`migrate up exited ${code}:\n${child.logTail()}`);
  }

  /** `name` tells its log from that of other workers of the run. */
  worker(name = 'worker'): Promise<Child> {
    const flags = this.profileDir === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${this.profileDir}`];
    return this.#ready(this.#launch(name, ['worker'], flags));
  }

  async api(): Promise<RunningApi> {
    const child = await this.#ready(this.#launch('api', ['api'], []));
    const url = (label: string): string => {
      const port = new RegExp(`^${label}\\s+http://\\S+:(\\d+)`, 'm').exec(child.log())?.[1];
      if (port === undefined) throw new Error(`the api did not print its "${label}" address:\n${child.logTail()}`);
      return `http://127.0.0.1:${port}`;
    };
    return { child, url: url('ingest API'), adminUrl: url('admin') };
  }

  async #ready(child: Child): Promise<Child> {
    await poll(`${child.options.name} ready`, 30_000, 20, () => {
      if (child.end !== null) throw new Error(`${child.options.name} ended:\n${child.logTail()}`);
      return /^ready$/m.test(child.log());
    }).catch((error: unknown) => {
      throw new Error(`${child.options.name} did not start:\n${child.logTail()}`, { cause: error });
    });
    return child;
  }

  #launch(name: string, args: readonly string[], flags: readonly string[]): Child {
    const { servers } = this;
    return new Child({
      name,
      args: [...flags, MAIN, ...args],
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        NODE_ENV: 'production',
        DATABASE_URL: servers.databaseUrl,
        KAFKA_BROKERS: servers.kafkaBrokers,
        TEMPORAL_ADDRESS: servers.temporalAddress,
        OUTBOX_TASK_QUEUE: servers.prefix,
        OUTBOX_LISTEN_HOST: '127.0.0.1',
        OUTBOX_API_PORT: '0',
        OUTBOX_ADMIN_PORT: '0',
        OUTBOX_ADMIN_KEY: ADMIN_KEY,
        OUTBOX_DATA_DIR: servers.folder,
      },
      logFile: join(servers.folder, `${name}.log`),
      cwd: servers.folder,
    });
  }
}

export interface RunningApi {
  readonly child: Child;
  readonly url: string;
  readonly adminUrl: string;
}

/** Creates a tenant as an operator does; resolves with its key. */
export async function createTenant(api: RunningApi, name: string): Promise<string> {
  const response = await fetch(`${api.adminUrl}/admin/tenants`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name }),
  });
  const body = (await response.json()) as { readonly key?: string };
  if (body.key === undefined) throw new Error(`creating a tenant answered ${response.status}: ${JSON.stringify(body)}`);
  return body.key;
}
