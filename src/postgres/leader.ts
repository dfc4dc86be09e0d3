import { Client } from 'pg';
import type { ClientConfig } from 'pg';
import { classify } from './errors';
import { endWhenIdle, tryAdvisoryLock } from './sweep';

/** A frozen leader's connection stays alive, its kernel answers for it: the server ends it after this much silence. */
const LEASE_MS = 15_000;

/** Leadership of one task among all processes: an advisory lock that lives as long as this connection. */
export interface Leadership {
  /** Rejects when the connection, and with it the lock, is lost. */
  readonly lost: Promise<never>;
  release(): Promise<void>;
}

/**
 * Tries to become the one process that does `task`; null if another one does. The URL must reach the server directly.
 * Rejects with POSTGRES_UNAVAILABLE.
 */
export async function tryLead(url: string, task: string, ssl?: ClientConfig['ssl']): Promise<Leadership | null> {
  const client = new Client({
    connectionString: url,
    application_name: `temporal-outbox ${task}`,
    connectionTimeoutMillis: 5_000,
    query_timeout: 5_000,
    keepAlive: true,
    ...(ssl === undefined ? {} : { ssl }),
  });
  let released = false;
  let pings: NodeJS.Timeout | undefined;
  const lost = new Promise<never>((_, reject) => {
    // on, not once: a terminated connection reports the server's message and then its own end, and the second error would
    // find no listener and end the process.
    client.on('error', (error) => reject(classify(error)));
    client.once('end', () => {
      clearInterval(pings);
      if (!released) reject(classify(new Error(`the connection that held the lock of ${task} ended`)));
    });
  });
  lost.catch(() => undefined);
  const release = (): Promise<void> => {
    released = true;
    clearInterval(pings);
    return client.end().catch(() => undefined);
  };
  try {
    await client.connect();
    if (!(await tryAdvisoryLock(client, `temporal-outbox:${task}`))) {
      await release();
      return null;
    }
    await endWhenIdle(client, LEASE_MS);
    // A ping that fails ends the connection, which `lost` tells.
    pings = setInterval(
      () => void client.query('select 1').catch(() => client.end().catch(() => undefined)),
      LEASE_MS / 3,
    );
    pings.unref();
    return { lost, release };
  } catch (error) {
    await release();
    throw classify(error);
  }
}
