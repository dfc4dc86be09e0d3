import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { errorMessage } from '../domain/errors';
import { readGlobalPause } from '../postgres/global-pause';
import type { Logger } from '../telemetry/logger';
import { startEverything, wakeEverything } from '../temporal/everything';
import type { EverythingWorkflow } from '../temporal/everything';

export interface KeeperOptions {
  readonly pool: Pool;
  readonly client: Client;
  readonly workflow: EverythingWorkflow;
  readonly logger: Logger;
}

/** One small select: how late the workflow shows what the admin API or SQL changed. */
const LOOK_MS = 2_000;
/** A workflow that was terminated, or whose Temporal was wiped, is back after this. */
const START_MS = 30_000;
const DEADLINE_MS = 3_000;

/**
 * Keeps the workflow `everything` running for as long as this process leads the sweep, and wakes it when the row that it shows has
 * changed. Never rejects: pausing over the admin API needs no workflow.
 */
export async function keepEverything(options: KeeperOptions, leading: AbortSignal): Promise<void> {
  const { pool, client, workflow, logger } = options;
  let told: string | null = null;
  let startedAt = -Infinity;
  let failing = false;
  while (!leading.aborted) {
    try {
      const row = JSON.stringify(await readGlobalPause(pool));
      const call = row !== told ? wakeEverything : Date.now() - startedAt >= START_MS ? startEverything : null;
      if (call !== null) {
        await client.withDeadline(Date.now() + DEADLINE_MS, () => call(client, workflow));
        told = row;
        startedAt = Date.now();
      }
      failing = false;
    } catch (error) {
      if (!failing) {
        const again = 'the workflow "everything" could not be started or told; trying again';
        logger.warn({ error: errorMessage(error) }, again);
      }
      failing = true;
    }
    await sleep(LOOK_MS, undefined, { signal: leading }).catch(() => undefined);
  }
}
