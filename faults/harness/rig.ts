import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { audit } from '../../src/audit/audit';
import type { AuditOptions } from '../../src/audit/audit';
import type { AuditReport } from '../../src/audit/report';
import { FaultLog } from '../proxy/fault-log';
import { KafkaProxy } from '../proxy/kafka-proxy';
import { TcpProxy } from '../proxy/tcp-proxy';
import { Installation } from './installation';
import { describePublishers } from './open-workflows';
import { ADMIN_KEY, launchWorker, runBuilt, startApi, untilReady } from './service-process';
import type { Addresses, Service, ServiceOptions } from './service-process';

export interface RigOptions {
  /** Part of the database's, task queue's and tenants' names: lower-case letters and digits. */
  readonly name: string;
  /** The servers themselves, without proxies. */
  readonly servers: Addresses;
  /** Port of the broker's listener behind the Kafka proxy, and the port that it advertises; absent = no Kafka proxy. */
  readonly proxiedKafka?: { readonly brokerPort: number; readonly port: number } | undefined;
}

export interface LaunchOptions {
  readonly failpoints?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * One installation under test: a database of its own, workers and apis as processes of their own, proxies between them and
 * every server, and one log that proves which faults fired.
 */
export class Rig {
  readonly services: Service[] = [];
  #launched = 0;

  private constructor(
    readonly options: RigOptions,
    readonly folder: string,
    readonly faults: FaultLog,
    readonly installation: Installation,
    readonly postgres: TcpProxy,
    readonly temporal: TcpProxy,
    readonly kafka: KafkaProxy | null,
  ) {}

  static async start(options: RigOptions): Promise<Rig> {
    const folder = mkdtempSync(join(tmpdir(), `outbox-faults-${options.name}-`));
    const log = new FaultLog(join(folder, 'fired.ndjson'));
    const suffix = folder.slice(-6).toLowerCase();
    const installation = await Installation.create(options.servers.databaseUrl, `outbox_${options.name}_${suffix}`);
    const postgres = await TcpProxy.start({ serverPort: Number(new URL(options.servers.databaseUrl).port), log });
    const temporal = await TcpProxy.start({ serverPort: portOf(options.servers.temporalAddress), log });
    const kafka = options.proxiedKafka === undefined ? null : await KafkaProxy.start({ ...options.proxiedKafka, log });
    const rig = new Rig(
      { ...options, name: `${options.name}-${suffix}` },
      folder,
      log,
      installation,
      postgres,
      temporal,
      kafka,
    );
    await runBuilt('main.js', ['migrate', 'up'], { ...rig.#service('migrate', {}), addresses: rig.direct });
    return rig;
  }

  /** Addresses behind the proxies, for what is under test. */
  get proxied(): Addresses {
    const database = new URL(this.installation.databaseUrl);
    database.host = `127.0.0.1:${this.postgres.port}`;
    return {
      databaseUrl: database.href,
      kafkaBrokers: this.kafka?.address ?? this.options.servers.kafkaBrokers,
      temporalAddress: `127.0.0.1:${this.temporal.port}`,
    };
  }

  /** Addresses without proxies, for producers and auditor. */
  get direct(): Addresses {
    return { ...this.options.servers, databaseUrl: this.installation.databaseUrl };
  }

  /** `count` tenants that no other run on the same servers has. */
  async tenants(count: number): Promise<string[]> {
    const names = Array.from({ length: count }, (_, index) => `${this.options.name}-t${index + 1}`);
    await this.installation.addTenants(names);
    return names;
  }

  /** Starts a worker and does not wait for it: with failpoints it may die before it is ready. */
  async launch(options: LaunchOptions = {}): Promise<Service> {
    this.#launched += 1;
    const service = await launchWorker(this.#service(`worker-${this.#launched}`, options));
    this.services.push(service);
    return service;
  }

  /** Starts a worker and waits until it is ready. */
  async worker(options: LaunchOptions = {}): Promise<Service> {
    const service = await this.launch(options);
    await untilReady(service);
    return service;
  }

  async api(options: LaunchOptions = {}): Promise<Service> {
    this.#launched += 1;
    const service = await startApi(this.#service(`api-${this.#launched}`, options));
    this.services.push(service);
    return service;
  }

  /** An api, and a key for each tenant: what `Traffic` needs to post events. */
  async ingest(
    tenants: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<{ url: string; keys: Record<string, string> }> {
    const api = await this.api({ env });
    const keys: Record<string, string> = {};
    for (const tenant of tenants) {
      keys[tenant] = await createKey(api, tenant);
    }
    return { url: api.url, keys };
  }

  /** Waits until everything accepted is settled, then audits it against Kafka and the outbox. */
  async settleAndAudit(
    acknowledged: AuditOptions['acknowledged'],
    options: Partial<AuditOptions> & { readonly fired?: readonly string[]; readonly deadlineMs?: number } = {},
  ): Promise<AuditReport> {
    const { fired, deadlineMs, ...rest } = options;
    await this.installation.untilDrained(deadlineMs ?? 30_000);
    return audit({
      kafka: { clientId: 'fault-audit', brokers: this.options.servers.kafkaBrokers.split(',') },
      acknowledged,
      databaseUrl: this.installation.databaseUrl,
      requireFired: { files: [this.faults.path], names: fired ?? [] },
      ...rest,
    });
  }

  /** What a failed test wants to know: rows and workflows of the publishers, and the end of each service's log. */
  async describe(): Promise<string> {
    const rows = await this.installation.describe().catch((error: unknown) => String(error));
    const workflows = await this.#describeWorkflows().catch((error: unknown) => String(error));
    const logs = this.services
      .slice(-3)
      .map(({ child }) => `--- ${child.options.name}, ended ${JSON.stringify(child.end)}\n${child.logTail()}`);
    return [rows, workflows, ...logs].join('\n');
  }

  /** Ends everything that the rig started. OUTBOX_FAULTS_KEEP leaves the folder with all logs, to look at. */
  async close(): Promise<void> {
    await Promise.all(this.services.map(({ child }) => child.stop()));
    await Promise.all([this.postgres.close(), this.temporal.close(), this.kafka?.close()]);
    await this.installation.drop();
    if (!process.env['OUTBOX_FAULTS_KEEP']) rmSync(this.folder, { recursive: true, force: true });
  }

  async #describeWorkflows(): Promise<string> {
    const stuck = await this.installation.query<{ tenant_id: string }>(
      "select distinct tenant_id from outbox.events where status = 'pending' order by tenant_id limit 4",
    );
    const tenants = stuck.map(({ tenant_id }) => tenant_id);
    return describePublishers(this.options.servers, this.#taskQueue, tenants);
  }

  get #taskQueue(): string {
    return `queue-${this.options.name}`;
  }

  #service(name: string, options: LaunchOptions): ServiceOptions {
    return {
      addresses: this.proxied,
      taskQueue: this.#taskQueue,
      folder: this.folder,
      name,
      firedLog: this.faults.path,
      ...(options.failpoints !== undefined && { failpoints: options.failpoints }),
      ...(options.env !== undefined && { env: options.env }),
    };
  }
}

async function createKey(api: Service, tenant: string): Promise<string> {
  const response = await fetch(`${api.adminUrl}/admin/tenants/${tenant}/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    body: '{}',
  });
  const text = await response.text();
  const key: unknown = response.ok ? (JSON.parse(text) as { key?: unknown }).key : undefined;
  if (typeof key !== 'string') throw new Error(`no key for ${tenant}: ${response.status} ${text}`);
  return key;
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}
