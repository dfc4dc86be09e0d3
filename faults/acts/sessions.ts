import { Client } from 'pg';

/** A session of its own on a database, for faults that hold something; ends quietly whatever became of the server. */
export async function withSession<T>(databaseUrl: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await openSession(databaseUrl);
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

export async function openSession(databaseUrl: string): Promise<Client> {
  const client = new Client({ connectionString: databaseUrl, application_name: 'fault-harness' });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/**
 * Terminates every client's backend on the installation's database but those of the harness; run it in any database. Not an autovacuum
 * worker, which counts as a superuser's: a user who is none is refused, and a soak broke off at that after 25 minutes.
 */
export const TERMINATE_BACKENDS = `select pg_terminate_backend(pid) from pg_stat_activity
  where datname = $1 and pid <> pg_backend_pid() and application_name <> 'fault-harness'
    and backend_type = 'client backend'`;
