import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../config';
import type { Config } from '../config';
import { KAFKA_DESTINATION } from '../domain/publisher';
import { OutboxError } from '../domain/errors';
import { failpointsActive } from '../failpoints/failpoint';
import { migrate } from '../postgres/migrate';
import { startProbeServer } from '../telemetry/probes';
import { startApiRole } from './api-role';
import type { RunningApi } from './api-role';
import { runDemo, DEMO_TOPICS } from './demo';
import { startDemoReader } from './demo-reader';
import { layFoundation } from './foundation';
import type { Foundation } from './foundation';
import { prepareTemporal } from './migrate';
import { prepareLedger } from './relay-ledger';
import { provideServers } from './servers';
import type { Servers } from './servers';
import { runUntilStopped } from './shutdown';
import type { Stoppable } from './shutdown';
import { startWorker } from './worker';

export type Role = 'api' | 'worker';

/** Runs the given roles until a signal or a failure; resolves with the exit code. */
export async function runRoles(
  roles: readonly Role[],
  options: { readonly migrate: boolean; readonly demo: boolean },
): Promise<number> {
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const servers = await provideServers(process.env, print);
  const parts: Stoppable[] = [];
  try {
    if (options.migrate && servers.config.database.directUrl !== null) {
      await migrate(servers.config.database.directUrl, 'up');
      const { address, namespace } = servers.config.temporal;
      if (address !== null) await prepareTemporal({ address, namespace }, print);
    }
    const { config, adminKeyShown } = withAdminKey(servers, print);
    const foundation = await layFoundation(config, roles.join('+'), roles.includes('worker') ? 'drain' : 'caller');
    if (options.migrate) await prepareLedger(config, foundation);
    if (failpointsActive()) foundation.logger.warn('failpoints are active: this process will misbehave on purpose');
    const running = runUntilStopped(parts, config.shutdownGraceMs + 5_000, foundation.logger);

    let api: RunningApi | null = null;
    if (roles.includes('api')) {
      api = await startApiRole(config, foundation);
      const listening = api;
      parts.push({ name: 'api', stop: () => listening.close(config.shutdownGraceMs) });
      print(`ingest API   ${api.ingestUrl}`);
      print(`admin        ${api.adminUrl}`);
    }
    if (roles.includes('worker'))
      await addWorker(config, foundation, parts, running.fail, roles.includes('api'), print);
    parts.push({ name: 'postgres pool', stop: () => foundation.close() });
    if (servers.stack !== null)
      parts.push({ name: 'embedded servers', stop: () => servers.stack?.stop() ?? Promise.resolve() });
    if (servers.temporalUiUrl !== null) print(`Temporal UI  ${servers.temporalUiUrl}`);
    if (options.demo && servers.embedded && api !== null) await demonstrate(config, foundation, api, servers, print);
    if (!adminKeyShown && servers.embedded) print(`admin key    in ${join(config.dataDir, ADMIN_KEY_FILE)}`);
    print('ready');
    return await running.stopped;
  } catch (error) {
    for (const part of parts) await part.stop().catch(() => undefined);
    await servers.stack?.stop();
    throw error;
  }
}

async function addWorker(
  config: Config,
  foundation: Foundation,
  parts: Stoppable[],
  fail: (error: unknown) => void,
  besideApi: boolean,
  print: (line: string) => void,
): Promise<void> {
  const worker = await startWorker(config, foundation);
  parts.push({ name: 'worker', stop: () => worker.stop() });
  worker.ended.catch(fail);
  print(`worker       ${worker.identity}`);
  // Beside the api, the admin listener serves the same registry and checks.
  if (besideApi) return;
  const probes = await startProbeServer(config.worker.port, foundation, config.worker.host);
  parts.push({ name: 'probes', stop: () => probes.close() });
  print(`probes       ${probes.url}`);
}

const ADMIN_KEY_FILE = 'admin-key';

/** On the embedded stack the bootstrap admin key is generated, printed once and kept for its owner; never on real servers. */
function withAdminKey(servers: Servers, print: (line: string) => void): { config: Config; adminKeyShown: boolean } {
  const { config } = servers;
  if (config.api.adminKey !== null || !servers.embedded) return { config, adminKeyShown: true };
  const file = join(config.dataDir, ADMIN_KEY_FILE);
  const known = existsSync(file);
  const key = known ? readFileSync(file, 'utf8').trim() : randomBytes(24).toString('base64url');
  if (!known) {
    writeFileSync(file, `${key}\n`, { mode: 0o600 });
    print(`admin key    ${key}  (shown once; kept in ${file})`);
  }
  const overrides = {
    OUTBOX_ADMIN_KEY: key,
    DATABASE_URL: config.database.url ?? '',
    KAFKA_BROKERS: (config.kafka.brokers ?? []).join(','),
    TEMPORAL_ADDRESS: config.temporal.address ?? '',
    OUTBOX_TOPIC_CREATE: config.topics.create,
  };
  return { config: loadConfig(process.env, { overrides }), adminKeyShown: !known };
}

async function demonstrate(
  config: Config,
  foundation: Foundation,
  api: RunningApi,
  servers: Servers,
  print: (line: string) => void,
): Promise<void> {
  const reader = await startDemoReader(foundation.kafkaBrokers, DEMO_TOPICS);
  try {
    const keys = await runDemo({
      dataDir: config.dataDir,
      pool: foundation.pool,
      ingestUrl: api.ingestUrl,
      reader,
      createTenantWithKey: api.createTenantWithKey,
      print,
    });
    print('');
    for (const [tenant, key] of Object.entries(keys)) print(`tenant ${tenant.padEnd(7)} key ${key}`);
    const acme = keys['acme'];
    if (acme === undefined) throw new OutboxError('INTERNAL', 'the demo has no key for acme; report this as a defect');
    print('\nPublish one yourself:');
    print(
      `curl -s ${api.ingestUrl}/v1/events -H 'authorization: Bearer ${acme}' -H 'content-type: application/json' ` +
        `-d '{"topic":"orders","type":"order.created","key":"order-1","payload":{"hello":"world"}}'`,
    );
    if (servers.temporalUiUrl !== null) {
      print(
        `\nWatch the publisher: ${servers.temporalUiUrl}/namespaces/${config.temporal.namespace}/workflows/publisher:acme`,
      );
    }
    print(`destination  ${KAFKA_DESTINATION} at ${foundation.kafkaBrokers.join(',')}`);
  } finally {
    await reader.close();
  }
}
