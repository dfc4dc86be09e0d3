import { Client } from 'pg';
import { setTimeout as delay } from 'node:timers/promises';
import { dropDatabase } from './drop-database';

/** What is pending or in doubt of an installation. */
export interface Backlog {
  readonly pending: number;
  /** Sent, and not marked yet. */
  readonly unsettled: number;
}

/** A database of its own on a shared server: own install id, so own transactional ids and ledgers. */
export class Installation {
  private constructor(
    private readonly serverUrl: string,
    readonly name: string,
    readonly databaseUrl: string,
  ) {}

  /** Creates the database, empty. */
  static async create(serverUrl: string, name: string): Promise<Installation> {
    await run(serverUrl, `create database "${name}"`);
    const url = new URL(serverUrl);
    url.pathname = `/${name}`;
    return new Installation(serverUrl, name, url.href);
  }

  /** Drops the database, closing whatever still uses it. */
  async drop(): Promise<void> {
    await dropDatabase((statement) => run(this.serverUrl, statement), this.name);
  }

  async addTenants(tenants: readonly string[]): Promise<void> {
    await run(
      this.databaseUrl,
      'insert into outbox.tenants (tenant_id) select unnest($1::text[]) on conflict do nothing',
      [tenants],
    );
  }

  async query<R>(text: string, values: unknown[] = []): Promise<R[]> {
    return run<R>(this.databaseUrl, text, values);
  }

  /** A statement on the server's own database: for what cannot be done from inside the installation's. */
  async onServer<R>(text: string, values: unknown[] = []): Promise<R[]> {
    return run<R>(this.serverUrl, text, values);
  }

  async backlog(): Promise<Backlog> {
    const [row] = await this.query<Backlog>(
      `select (select count(*)::int from outbox.events where status = 'pending') as pending,
              (select count(*)::int from outbox.unsettled) as unsettled`,
    );
    if (row === undefined) throw new Error('counting returned no row');
    return row;
  }

  /** Backlog and publishers' rows, for the message of a failed test. */
  async describe(): Promise<string> {
    const rows = await this.query<Record<string, unknown>>(
      `select p.*, (select count(*)::int from outbox.events e where e.tenant_id = p.tenant_id and status = 'pending') as pending
       from outbox.publishers p order by tenant_id`,
    );
    const backlog = JSON.stringify(await this.backlog());
    return [backlog, new Date().toISOString(), ...rows.map((row) => JSON.stringify(row))].join('\n');
  }

  /** Resolves when nothing is pending or unsettled, with how long (ms) that took. Rejects after `deadlineMs` with what is left. */
  async untilDrained(deadlineMs: number): Promise<number> {
    const started = Date.now();
    for (;;) {
      const backlog = await this.backlog();
      if (backlog.pending === 0 && backlog.unsettled === 0) return Date.now() - started;
      if (Date.now() - started > deadlineMs) {
        throw new Error(`not drained after ${deadlineMs} ms: ${await this.describe()}`);
      }
      await delay(50);
    }
  }
}

async function run<R>(url: string, text: string, values: unknown[] = []): Promise<R[]> {
  const client = new Client({ connectionString: url, application_name: 'fault-harness' });
  // Faults cut connections on purpose; the query in flight rejects by itself.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(text, values)).rows as R[];
  } finally {
    await client.end();
  }
}
