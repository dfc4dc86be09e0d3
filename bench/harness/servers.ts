import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Installation } from '../../faults/harness/installation';
import { startStack } from '../../src/stack';
import { cacheFolder, packageRoot } from '../../src/stack/locations';
import type { Closing } from './closing';

/** The servers of a run and a database of its own on them. */
export interface BenchServers {
  readonly databaseUrl: string;
  readonly kafkaBrokers: string;
  readonly temporalAddress: string;
  readonly installation: Installation;
  /** Unique to this run: names of topics, task queue and tenants start with it, for servers that others use too. */
  readonly prefix: string;
  /** For logs of the processes. Deleted at the end. */
  readonly folder: string;
  /** Names of the servers that this run started. */
  readonly embedded: readonly string[];
  /** Process ids of those, by name, as of now. */
  readonly pids: () => Readonly<Record<string, number>>;
}

/** Starts the servers whose addresses are unset, with fresh data, and creates an empty database. */
export async function startServers(closing: Closing, log: (line: string) => void): Promise<BenchServers> {
  const folder = mkdtempSync(join(tmpdir(), 'outbox-bench-'));
  chmodSync(folder, 0o755);
  closing.add('folder', () => rmSync(folder, { recursive: true, force: true }));
  const env = { ...process.env, OUTBOX_CACHE_DIR: cacheFolder(join(packageRoot(), '.data'), process.env) };
  const stack = await startStack({ dataDir: join(folder, 'stack'), env, log });
  closing.add('servers', () => stack.stop());
  const prefix = `bench-${folder.slice(-6)}`;
  const installation = await Installation.create(stack.databaseUrl, prefix);
  closing.add('database', () => installation.drop());
  return {
    databaseUrl: installation.databaseUrl,
    kafkaBrokers: stack.kafkaBrokers,
    temporalAddress: stack.temporalAddress,
    installation,
    prefix,
    folder,
    embedded: stack.started,
    pids: () => ({ ...stack.pids }),
  };
}
