import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { ClientConfig } from 'pg';
import type { OutboxError } from '../domain/errors';
import type { PublisherRef } from '../domain/publisher';
import { classify } from './errors';
import { endWhenIdle, tryAdvisoryLock } from './sweep';

const CHANNEL = 'outbox_wake';
/** Enqueuers notify only while somebody holds this lock (migration 0003): one listener of all does. */
const LISTENER_LOCK = 'outbox wake listener';
/** How soon another listener takes the lock over. An enqueuer's own try holds it for an instant, so a first try may fail. */
const LOCK_EVERY_MS = 1_000;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 10_000;
/** A connection that died without a word (a dropped NAT entry) is noticed within this time. */
const CHECK_EVERY_MS = 5_000;
/** And one that a frozen process holds is ended by the server after this much silence, so that another may listen. */
const LEASE_MS = 15_000;

export interface WakeListener {
  /** Ends the connection. Idempotent. */
  close(): Promise<void>;
}

export interface ListenOptions {
  readonly onWake: (ref: PublisherRef) => void;
  /** Listening began, or began again: what was notified before is lost, and the sweep's to heal. */
  readonly onListening?: () => void;
  /** The connection broke; it is made again with growing pauses. For the log. */
  readonly onError?: (error: OutboxError) => void;
  readonly ssl?: ClientConfig['ssl'];
}

/** Listens for wakes of SQL writers. The URL must reach the server directly: LISTEN does not work through a transaction pooler. */
export function listenForWakes(url: string, options: ListenOptions): WakeListener {
  const stop = new AbortController();
  const done = keepListening(url, options, stop.signal);
  return {
    async close(): Promise<void> {
      stop.abort();
      await done;
    },
  };
}

async function keepListening(url: string, options: ListenOptions, signal: AbortSignal): Promise<void> {
  let pause = FIRST_RETRY_MS;
  while (!signal.aborted) {
    try {
      await listenOnce(url, options, signal, () => {
        pause = FIRST_RETRY_MS;
      });
    } catch (error) {
      options.onError?.(classify(error));
      await sleep(pause, undefined, { signal }).catch(() => undefined);
      pause = Math.min(pause * 2, LAST_RETRY_MS);
    }
  }
}

/** Resolves when `signal` says so, rejects when the connection breaks. */
async function listenOnce(
  url: string,
  options: ListenOptions,
  signal: AbortSignal,
  onListening: () => void,
): Promise<void> {
  const client = new Client({
    connectionString: url,
    application_name: 'temporal-outbox wakes',
    connectionTimeoutMillis: 5_000,
    query_timeout: 5_000,
    keepAlive: true,
    ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
  });
  const broken = new Promise<never>((_, reject) => {
    // on, not once: a second error of the same connection would find no listener and end the process.
    client.on('error', reject);
    client.once('end', () => reject(new Error('the connection ended')));
  });
  // Whoever awaits it below sees the rejection; this keeps it from counting as unhandled until then.
  broken.catch(() => undefined);
  client.on('notification', ({ payload }) => {
    const ref = parseWake(payload);
    if (ref !== null) options.onWake(ref);
  });
  try {
    await client.connect();
    await client.query(`listen ${CHANNEL}`);
    await endWhenIdle(client, LEASE_MS);
    onListening();
    let heard = await tryAdvisoryLock(client, LISTENER_LOCK);
    options.onListening?.();
    while (!signal.aborted) {
      const pause = heard ? CHECK_EVERY_MS : LOCK_EVERY_MS;
      await Promise.race([sleep(pause, undefined, { signal }).catch(() => undefined), broken]);
      if (signal.aborted) return;
      if (heard) await client.query('select 1');
      else heard = await tryAdvisoryLock(client, LISTENER_LOCK);
    }
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** `["acme","kafka",0]`, or null: any role may notify on any channel, so the text is not trusted. */
export function parseWake(payload: string | undefined): PublisherRef | null {
  let parts: unknown;
  try {
    parts = JSON.parse(payload ?? '');
  } catch {
    return null;
  }
  if (!Array.isArray(parts) || parts.length !== 3) return null;
  const [tenant, destination, shard] = parts as unknown[];
  if (typeof tenant !== 'string' || typeof destination !== 'string' || !Number.isInteger(shard)) return null;
  return { tenant, destination, shard: shard as number };
}
