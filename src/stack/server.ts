import { closeSync, fstatSync, openSync, readSync, statSync, truncateSync } from 'node:fs';
import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerCommand, ServerName } from './guard-protocol';

export type Log = (line: string) => void;

/** One server of the stack, ready to be started any number of times on the same ports and data. */
export interface Server {
  readonly name: ServerName;
  readonly command: ServerCommand;
  /** Resolves once the server answers; may be called again after a restart. `ended` tells that it never will. */
  ready(ended: AbortSignal): Promise<void>;
}

/** What a server is prepared from. */
export interface ServerContext {
  readonly dataDir: string;
  readonly cacheDir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
}

/** Calls `probe` until it succeeds or `ended` says that there is no use. */
export async function untilReady(ended: AbortSignal, timeoutMs: number, probe: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    ended.throwIfAborted();
    try {
      return await probe();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await sleep(50);
  }
}

/** Succeeds when somebody listens on that loopback port. */
export function connectOnce(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
  });
}

/** The end of a server's log, for the error that says why it did not start. */
export function logTail(path: string, bytes = 3_000): string {
  try {
    const file = openSync(path, 'r');
    try {
      const size = fstatSync(file).size;
      const buffer = Buffer.alloc(Math.min(size, bytes));
      readSync(file, buffer, 0, buffer.length, size - buffer.length);
      return buffer.toString('utf8').trim();
    } finally {
      closeSync(file);
    }
  } catch {
    return '(no log)';
  }
}

const LOG_LIMIT_BYTES = 50_000_000;

/** Logs are appended over many starts; one that grew beyond 50 MB begins anew. */
export function trimLog(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LOG_LIMIT_BYTES) truncateSync(path, 0);
}
