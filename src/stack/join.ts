import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ADDRESS_VARIABLES, namesServer } from './addresses';
import type { LockContent } from './file-lock';
import { LOCK_FILE } from './guard-protocol';
import type { ServerName } from './guard-protocol';
import { postgresUrl } from './postgres/server';
import { isRunning } from './process-identity';
import { readState } from './state';

/** Addresses of a stack that another process runs. */
export interface JoinedStack {
  readonly databaseUrl: string;
  readonly kafkaBrokers: string;
  readonly temporalAddress: string;
  readonly temporalUiUrl: string;
}

/**
 * The stack that another process runs on this data folder, or null if there is none with all `wanted` servers. So that
 * workers, APIs and tools can be added beside `all` without addresses. The servers end with their owner, not with the guest.
 */
export function joinStack(dataDir: string, env: NodeJS.ProcessEnv, wanted: readonly ServerName[]): JoinedStack | null {
  const folder = resolve(dataDir);
  const lockPath = join(folder, LOCK_FILE);
  if (!existsSync(lockPath)) return null;
  let lock: LockContent;
  try {
    lock = JSON.parse(readFileSync(lockPath, 'utf8')) as LockContent;
  } catch {
    // Being replaced or emptied by a power failure: then nobody runs a whole stack here; starting one says so clearly.
    return null;
  }
  if (!isRunning(lock.holder)) return null;
  const up = wanted.every((name) => {
    const server = lock.notes[name];
    return server !== undefined && isRunning(server);
  });
  if (!up) return null;
  const { ports, postgresPassword } = readState(folder);
  const given = (name: ServerName): string | undefined =>
    namesServer(name, env) ? (env[ADDRESS_VARIABLES[name]] ?? '') : undefined;
  return {
    databaseUrl: given('postgres') ?? postgresUrl(ports.postgres ?? 0, postgresPassword),
    kafkaBrokers: given('kafka') ?? `127.0.0.1:${ports.kafka}`,
    temporalAddress: given('temporal') ?? `127.0.0.1:${ports.temporal}`,
    temporalUiUrl: `http://127.0.0.1:${ports.temporalUi}`,
  };
}
