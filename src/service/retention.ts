import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Config } from '../config';
import { errorMessage } from '../domain/errors';
import { keepRetentionSchedule } from '../temporal/retention-schedule';
import type { Foundation } from './foundation';

const RETRY_MS = 60_000;
/** A Temporal that came back empty has lost the schedule: until the next look nothing is deleted, which harms nobody. */
const LOOK_MS = 600_000;
const DEADLINE_MS = 10_000;

/**
 * Sees to it that the schedule of retention is there and stays there, as this deployment wants it. A worker does not wait for it to start, and a
 * Temporal that refuses schedules costs one line a minute, nothing else. Never rejects.
 */
export async function scheduleRetention(
  client: Client,
  config: Config,
  { installId, logger }: Pick<Foundation, 'installId' | 'logger'>,
  stopping: AbortSignal,
): Promise<void> {
  const wanted = { installId, taskQueue: config.temporal.taskQueue, intervalMs: config.retention.intervalMs };
  while (!stopping.aborted) {
    let waitMs = LOOK_MS;
    try {
      await client.withDeadline(Date.now() + DEADLINE_MS, () => keepRetentionSchedule(client, wanted));
    } catch (error) {
      waitMs = RETRY_MS;
      logger.warn(
        { code: 'TEMPORAL_UNAVAILABLE', error: errorMessage(error) },
        'the schedule of retention cannot be set, nothing is deleted without it; trying again in a minute',
      );
    }
    await sleep(waitMs, undefined, { signal: stopping }).catch(() => undefined);
  }
}
