import { Client } from 'pg';

/** Rows of one insert, and of one transaction where the backlog is many. */
export const CHUNK_ROWS = 1_000;

/** Stores rows column-wise by `insert … select unnest(…)`; `atOnce`: in one transaction, else one per 1,000 rows. */
export async function insertRows<T>(
  databaseUrl: string,
  rows: readonly T[],
  statement: (chunk: readonly T[]) => { readonly text: string; readonly values: unknown[] },
  options: { readonly atOnce: boolean },
): Promise<void> {
  await withClient(databaseUrl, async (client) => {
    if (options.atOnce) await client.query('begin');
    for (let from = 0; from < rows.length; from += CHUNK_ROWS) {
      const { text, values } = statement(rows.slice(from, from + CHUNK_ROWS));
      await client.query(text, values);
    }
    if (options.atOnce) await client.query('commit');
  });
}

/** Runs SQL of any number of statements. */
export async function runSql(databaseUrl: string, text: string): Promise<void> {
  await withClient(databaseUrl, async (client) => {
    await client.query(text);
  });
}

async function withClient(databaseUrl: string, work: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client({ connectionString: databaseUrl, application_name: 'bench' });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
