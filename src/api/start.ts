import { OutboxError } from '../domain/errors';
import { isTopicAllowed } from '../config';
import type { Config } from '../config';
import type { Health } from '../telemetry/health';
import type { Logger } from '../telemetry/logger';
import type { Metrics } from '../telemetry/metrics';
import { createAdminApp } from './admin/app';
import type { AdminContext } from './admin/context';
import { adminRoutes } from './admin/routes';
import { createAdminAuthenticator } from './auth/admin';
import { createAuthenticator } from './auth/authenticate';
import { listen } from './http/server';
import { createIngestApp } from './ingest/app';
import { createIngestLimiter } from './ingest/limiter';
import type { EventStore, IngestMeter, TenantStore, Wake } from './ports';

export interface ApiDeps {
  readonly events: EventStore;
  readonly tenants: TenantStore;
  readonly meter: IngestMeter;
  readonly wake: Wake;
  /** What the admin API works with, and the version that its description names. */
  readonly admin: Pick<AdminContext, 'pool' | 'publishers' | 'doctor'> & { readonly version: string };
  /** Register `postgres` (required) and, for the verbose report only, `kafka` and `temporal`. */
  readonly health: Health;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export interface RunningApi {
  readonly ingestUrl: string;
  readonly adminUrl: string;
  /**
   * Not ready any more, no new connections, requests in flight finish within `graceMs`; the probes answer until the end.
   * Close the stores afterwards.
   */
  close(graceMs: number): Promise<void>;
}

/** Starts both listeners. Throws CONFIG_INVALID without an admin key, and the system's error when a port is taken. */
export async function startApi(
  config: Pick<Config, 'api' | 'topics' | 'breaker' | 'quota' | 'ingest'>,
  deps: ApiDeps,
): Promise<RunningApi> {
  const { api, topics, breaker, quota } = config;
  if (api.adminKey === null) {
    throw new OutboxError(
      'CONFIG_INVALID',
      'OUTBOX_ADMIN_KEY is not set: the admin API never runs without a key. Set it to a long random text.',
    );
  }
  const { events, tenants, wake, health, metrics, logger } = deps;
  const adminApp = createAdminApp({
    routes: adminRoutes(
      { ...deps.admin, wake, breaker, quota, ingest: config.ingest, metrics, logger },
      deps.admin.version,
    ),
    authenticator: createAdminAuthenticator(deps.admin.pool, api.adminKey),
    probes: { health, metrics, logger },
  });
  const ingestApp = createIngestApp({
    events,
    authenticator: createAuthenticator(tenants),
    limiter: createIngestLimiter(deps.meter, config.ingest),
    wake,
    metrics,
    logger,
    isTopicAllowed: (topic) => isTopicAllowed(topics, topic),
    limits: { body: api.bodyLimit, batchBody: api.batchBodyLimit, batchEvents: api.batchLimit },
  });
  const admin = await listen(adminApp, api.host, api.adminPort);
  const ingest = await listen(ingestApp, api.host, api.port).catch(async (error: unknown) => {
    await admin.close(0);
    throw error;
  });
  logger.info({ ingestUrl: ingest.url, adminUrl: admin.url }, 'api is listening');
  let closing: Promise<void> | undefined;
  return {
    ingestUrl: ingest.url,
    adminUrl: admin.url,
    close: (graceMs) => (closing ??= closeInOrder(graceMs)),
  };

  async function closeInOrder(graceMs: number): Promise<void> {
    const end = Date.now() + graceMs;
    health.startShutdown();
    await ingest.close(graceMs);
    await admin.close(Math.max(0, end - Date.now()));
  }
}
