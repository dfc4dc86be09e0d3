import type { DrainObserver } from '../activities/drain/context';
import type { ReplayObserver } from '../activities/replay';
import { publisherId } from '../domain/publisher';
import type { Logger } from '../telemetry/logger';
import type { Metrics } from '../telemetry/metrics';
import type { WakeObserver } from '../wake/waker';

/** Counts what drains do and logs each failure once, with tenant and cause. */
export function drainObserver(metrics: Metrics, logger: Logger): DrainObserver {
  return {
    published(_ref, acceptedAt) {
      metrics.published.inc(acceptedAt.length);
      // One sample per batch: the oldest event. One per event costs 2 µs each and tells the same story.
      const oldest = acceptedAt[0];
      if (oldest !== undefined) metrics.publishLatency.observe(Math.max(0, Date.now() - Date.parse(oldest)) / 1000);
    },
    replayed(_ref, count) {
      metrics.replayed.inc(count);
    },
    parked(_ref, code, count) {
      metrics.parked.inc({ code }, count);
    },
    failed(ref, code, message, details) {
      metrics.drainFailures.inc({ code });
      logger.error({ tenant: ref.tenant, publisher: publisherId(ref), code, ...details }, message);
    },
    note(ref, what, details) {
      logger.warn({ tenant: ref.tenant, publisher: publisherId(ref), ...details }, what);
    },
  };
}

/** Counts wakes; logs failures at most once per second per source, for a Temporal that is down fails every one of them. */
export function wakeObserver(metrics: Metrics, logger: Logger): WakeObserver {
  const lastLogged = new Map<string, number>();
  return {
    woken(source, result, count) {
      metrics.wakes.inc({ source, result }, count);
    },
    failed(source, message) {
      const now = Date.now();
      if (now - (lastLogged.get(source) ?? 0) < 1_000) return;
      lastLogged.set(source, now);
      logger.warn({ source, code: 'TEMPORAL_UNAVAILABLE' }, `a wake failed and is left to the sweep: ${message}`);
    },
  };
}

/** Logs a replay that was asked for and can never be stored. */
export function replayObserver(logger: Logger): ReplayObserver {
  return {
    refused(ref, replayId, message) {
      logger.error({ tenant: ref.tenant, publisher: publisherId(ref), replayId, code: 'POSTGRES_REFUSED' }, message);
    },
  };
}
