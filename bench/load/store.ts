import { Client } from 'pg';
import { enqueue } from '../../src/client';
import type { EnqueueEvent } from '../../src/client';

/**
 * Stores events by the library in one transaction. Their publishers see nothing before its commit, which wakes them, so
 * the whole backlog is there when the first drain starts, however long storing it took.
 */
export async function storeAtOnce(databaseUrl: string, events: readonly EnqueueEvent[]): Promise<void> {
  const client = new Client({ connectionString: databaseUrl, application_name: 'bench' });
  await client.connect();
  try {
    await client.query('begin');
    await enqueue(client, events);
    await client.query('commit');
  } finally {
    await client.end();
  }
}
