import type { ReplayObserver } from '../activities/replay';
import { publisherId } from '../domain/publisher';
import type { PublisherObserver } from '../activities/publisher-record';
import type { RetentionObserver } from '../activities/retention';
import type { Logger } from '../telemetry/logger';
import type { Metrics } from '../telemetry/metrics';
import type { WakeObserver } from '../wake/waker';

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

/** Counts and logs a replay that was asked for and can never be stored. */
export function replayObserver(metrics: Metrics, logger: Logger): ReplayObserver {
  return {
    refused(ref, replayId, code, message) {
      metrics.drainFailures.inc({ tenant_id: metrics.tenants.of(ref.tenant), code });
      logger.error({ tenant: ref.tenant, publisher: publisherId(ref), replayId, code }, message);
    },
  };
}

/** Counts what publishers' workflows tell when they write their row, and logs what cannot be written. */
export function publisherObserver(metrics: Metrics, logger: Logger): PublisherObserver {
  return {
    refused(ref, code, message) {
      metrics.drainFailures.inc({ tenant_id: metrics.tenants.of(ref.tenant), code });
      const lost = "the publisher's row is not written: lost with its workflow, it comes back without its last orders";
      logger.error({ tenant: ref.tenant, publisher: publisherId(ref), code }, `${lost}. ${message}`);
    },
    breakerWent: (_ref, to) => metrics.breakerTransitions.inc({ to }),
    denied: (ref) => metrics.quotaDenied.inc({ tenant_id: metrics.tenants.of(ref.tenant) }),
  };
}

/** Counts what retention deletes; a tenant's setting that is not understood is logged at each run, for it deletes late. */
export function retentionObserver(metrics: Metrics, logger: Logger): RetentionObserver {
  return {
    purged(_tenant, { published, skipped }) {
      metrics.purged.inc({ status: 'published' }, published);
      metrics.purged.inc({ status: 'skipped' }, skipped);
    },
    badSetting(tenant) {
      logger.warn(
        { tenant },
        'retention in the settings of this tenant is not understood; the default applies. Set it to a text such as "30d".',
      );
    },
  };
}
