import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStack } from '../../src/stack';
import type { Stack, StackOptions } from '../../src/stack';
import { cacheFolder, packageRoot } from '../../src/stack/locations';

/** The servers of the whole test run: the stack of global-setup.ts, or those that the caller's environment names. */
export interface TestServers {
  readonly databaseUrl: string;
  readonly kafkaBrokers: string[];
  readonly temporalAddress: string;
}

export function testServers(): TestServers {
  const get = (name: string): string => {
    const value = process.env[name];
    if (value) return value;
    throw new Error(`${name} is not set: tests that need servers belong into test/integration or test/faults`);
  };
  return {
    databaseUrl: get('DATABASE_URL'),
    kafkaBrokers: get('KAFKA_BROKERS').split(','),
    temporalAddress: get('TEMPORAL_ADDRESS'),
  };
}

export interface OwnStack extends Stack {
  readonly dataDir: string;
}

/**
 * A stack for one test alone, which may kill its servers; stopped and deleted by `stop()`. Its environment names no
 * servers, so that all that it is asked for are started.
 */
export async function startOwnStack(options: Omit<StackOptions, 'dataDir' | 'env'> = {}): Promise<OwnStack> {
  const dataDir = temporaryDataDir();
  const stack = await startStack({ ...options, dataDir, env: stackEnv() });
  return Object.defineProperties({ dataDir } as OwnStack, {
    ...Object.getOwnPropertyDescriptors(stack),
    stop: {
      value: async () => {
        await stack.stop();
        rmSync(dataDir, { recursive: true, force: true });
      },
    },
  });
}

/** A fresh folder that the user of Postgres may enter too, should the tests run as root. */
export function temporaryDataDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'temporal-outbox-'));
  chmodSync(folder, 0o755);
  return folder;
}

/**
 * Our environment without the servers it names. Test stacks live in folders that are deleted, so where there is no
 * home to cache in, the project's own .data holds what was downloaded or built.
 */
export function stackEnv(): NodeJS.ProcessEnv {
  const servers = ['DATABASE_URL', 'KAFKA_BROKERS', 'TEMPORAL_ADDRESS'];
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !servers.includes(name)));
  return { ...env, OUTBOX_CACHE_DIR: cacheFolder(join(packageRoot(), '.data'), env) };
}
