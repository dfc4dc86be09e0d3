import type { Config } from '../config';
import { BacklogGauges } from '../telemetry/backlog-gauges';
import { Sweeper } from '../wake/sweeper';
import type { WakeObserver, Waker } from '../wake/waker';
import { collectBacklog } from './backlog-collector';
import type { Foundation } from './foundation';

/** Starts this process' share in what one process of all does: the sweep, and counting the backlog for the metrics. */
export function startSweep(config: Config, foundation: Foundation, waker: Waker, observer: WakeObserver): Sweeper {
  const { pool, logger, metrics } = foundation;
  const { tenants: mostTenants, intervalMs } = config.metrics;
  const collector = { pool, gauges: new BacklogGauges(metrics, mostTenants), logger, mostTenants, intervalMs };
  const sweeper = new Sweeper({
    pool,
    directUrl: foundation.databaseDirectUrl,
    intervalMs: config.sweep.intervalMs,
    wakesPerSecond: config.sweep.wakesPerSecond,
    waker,
    report: observer.failed,
    whileLeading: (leading) => collectBacklog(collector, leading),
  });
  sweeper.start();
  return sweeper;
}
