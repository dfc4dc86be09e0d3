import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import type { NativeConnection, WorkflowBundleOption } from '@temporalio/worker';
import type { Config } from '../config';
import { workflowBundlePath } from '../temporal/workflow-bundle';

/** Once per process, before any worker: our own signal handling decides the order of shutdown. */
export function installRuntime(config: Config): void {
  const level = config.logLevel === 'debug' || config.logLevel === 'trace' ? 'INFO' : 'WARN';
  Runtime.install({ logger: new DefaultLogger(level), shutdownSignals: [] });
}

/** The bundle of the build; from source (tests, bench) it is made on the spot. */
export function workflows(): { workflowBundle: WorkflowBundleOption } | { workflowsPath: string } {
  const path = workflowBundlePath();
  if (existsSync(path)) return { workflowBundle: { code: readFileSync(path, 'utf8') } };
  return { workflowsPath: join(__dirname, '..', 'workflows') };
}

/** Closes it; a connection that is broken already is as good as closed. */
export async function closeQuietly(connection: NativeConnection): Promise<void> {
  await connection.close().catch(() => undefined);
}

/**
 * V8 lets a heap that may become 4 GB grow to four times what lives in it before it looks for garbage: 460 MiB resident while
 * draining, and 367 with this, at the same rate. A limit (--max-old-space-size=512: 350) would end the process when reached.
 */
export function collectGarbageEarlier(): void {
  setFlagsFromString('--heap-growing-percent=50');
}
