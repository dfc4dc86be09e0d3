import type { Client } from '@temporalio/client';
import type { Config } from '../config';
import { BacklogGauges } from '../telemetry/backlog-gauges';
import { Sweeper } from '../wake/sweeper';
import type { WakeObserver, Waker } from '../wake/waker';
import { collectBacklog } from './backlog-collector';
import { keepEverything } from './everything';
import type { Foundation } from './foundation';

/**
 * Starts this process' share in what one process of all does: the sweep, counting the backlog for the metrics, and keeping the workflow
 * `everything`.
 */
export function startSweep(
  config: Config,
  foundation: Foundation,
  client: Client,
  waker: Waker,
  observer: WakeObserver,
): Sweeper {
  const { pool, logger, metrics } = foundation;
  const { tenants: mostTenants, intervalMs } = config.metrics;
  const collector = { pool, gauges: new BacklogGauges(metrics, mostTenants), logger, mostTenants, intervalMs };
  const { taskQueue, maxHistoryEvents } = config.temporal;
  const keeper = { pool, client, workflow: { taskQueue, maxHistoryEvents }, logger };
  const sweeper = new Sweeper({
    pool,
    directUrl: foundation.databaseDirectUrl,
    intervalMs: config.sweep.intervalMs,
    wakesPerSecond: config.sweep.wakesPerSecond,
    waker,
    report: observer.failed,
    async whileLeading(leading) {
      await Promise.all([collectBacklog(collector, leading), keepEverything(keeper, leading)]);
    },
  });
  sweeper.start();
  return sweeper;
}
