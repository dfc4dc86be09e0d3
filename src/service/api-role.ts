import { startApi } from '../api/start';
import { SCOPES } from '../api/ports';
import { postgresStores } from '../api/stores';
import type { Config } from '../config';
import { OutboxError } from '../domain/errors';
import { temporalClient } from '../temporal/client';
import { publisherCommands } from '../temporal/publisher-commands';
import { WakeCoalescer } from '../wake/coalescer';
import { Waker } from '../wake/waker';
import { examine } from './doctor';
import type { Foundation } from './foundation';
import { wakeObserver } from './observers';
import { lookAtKafka } from './relay-ledger';
import { packageVersion } from './version';

export interface RunningApi {
  readonly ingestUrl: string;
  readonly adminUrl: string;
  /** Creates the tenant if it is new and mints a key for it: for the demo. */
  createTenantWithKey(name: string): Promise<string>;
  close(graceMs: number): Promise<void>;
}

/** Starts the ingest API and the admin listener. Temporal and Kafka may be down: wakes then are the sweep's to repeat. */
export async function startApiRole(config: Config, foundation: Foundation): Promise<RunningApi> {
  const { pool, health, logger, metrics } = foundation;
  const client = temporalClient({ address: foundation.temporalAddress, namespace: config.temporal.namespace });
  const waker = new Waker(pool, client, config.temporal.taskQueue, wakeObserver(metrics, logger));
  const wakes = new WakeCoalescer((refs) => waker.wake(refs, 'api'));
  health.register(
    'temporal',
    async () => {
      await client.withDeadline(Date.now() + 800, () => client.workflowService.getSystemInfo({}));
    },
    { required: false },
  );
  const { events, tenants, meter } = postgresStores(pool);
  const kafka = lookAtKafka(config, foundation);
  const { taskQueue } = config.temporal;
  const api = await startApi(config, {
    events,
    tenants,
    meter,
    wake: (refs) => wakes.request(refs),
    admin: {
      pool,
      publishers: publisherCommands(client, taskQueue),
      doctor: () => examine({ foundation, kafka, client, taskQueue }),
      version: packageVersion(),
    },
    health,
    metrics,
    logger,
  });
  return {
    ingestUrl: api.ingestUrl,
    adminUrl: api.adminUrl,
    async createTenantWithKey(name) {
      await tenants.createTenant(name);
      const created = await tenants.createKey(name, { scopes: SCOPES, label: 'demo' });
      if (created === null) {
        throw new OutboxError('INTERNAL', `tenant ${name} vanished while its key was made; try again`);
      }
      return created.key;
    },
    async close(graceMs) {
      await api.close(graceMs);
      await wakes.idle();
      await kafka.close();
      await client.connection.close();
    },
  };
}
