import { join } from 'node:path';
import { launchWorker, runBuilt, untilReady } from '../../faults/harness/service-process';
import type { Service, ServiceOptions } from '../../faults/harness/service-process';
import type { ConsumerCalls } from '../consumer/consumer';
import { Account } from '../harness/account';
import type { Closing } from '../harness/closing';
import { Helper } from '../harness/helper';
import { createTopics } from '../harness/kafka';
import type { BenchServers } from '../harness/servers';

const PARTITIONS = 6;

/** The product's defaults where the fault harness, whose launcher this uses, prefers short times. */
const DEFAULTS: Readonly<Record<string, string>> = {
  OUTBOX_KAFKA_REQUEST_TIMEOUT: '',
  OUTBOX_KAFKA_TRANSACTION_TIMEOUT: '',
  OUTBOX_LINGER: '',
  OUTBOX_BREAKER_RESET: '',
  OUTBOX_SWEEP_INTERVAL: '',
  OUTBOX_BATCH_EVENTS: '',
  OUTBOX_POSTGRES_POOL: '',
};

/** Topics, a consumer process and workers for what tenants do to each other. */
export class FairnessRig {
  /** What was stored by anybody, for `balanced`. */
  readonly account = new Account();
  #workers = 0;
  #stores = 0;

  private constructor(
    readonly servers: BenchServers,
    readonly consumer: Helper<ConsumerCalls>,
    readonly topics: { readonly counted: string; readonly timed: string; readonly unread: string },
    private readonly closing: Closing,
  ) {}

  static async start(servers: BenchServers, closing: Closing): Promise<FairnessRig> {
    const consumer = new Helper<ConsumerCalls>('consumer', join(__dirname, '..', 'consumer', 'consumer.js'));
    closing.add('consumer', () => consumer.stop());
    const { prefix } = servers;
    const topics = { counted: `${prefix}-counted`, timed: `${prefix}-timed`, unread: `${prefix}-unread` };
    const rig = new FairnessRig(servers, consumer, topics, closing);
    await runBuilt('main.js', ['migrate', 'up'], rig.#options('migrate', {}));
    await createTopics(servers, closing, Object.values(topics), PARTITIONS);
    const { counted, timed } = topics;
    await consumer.call('connect', { brokers: servers.kafkaBrokers, group: `${prefix}-fairness`, counted, timed });
    return rig;
  }

  async worker(env: Readonly<Record<string, string>> = {}): Promise<Service> {
    this.#workers += 1;
    const service = await launchWorker(this.#options(`worker-${this.#workers}`, env));
    this.closing.add('worker', () => service.child.stop());
    await untilReady(service);
    return service;
  }

  /** Tenants whose publishers start with these limits, as an operator's `configure` would have left them in the row. */
  async tenants(names: readonly string[], limits: object = {}): Promise<void> {
    await this.servers.installation.addTenants(names);
    await this.servers.installation.query(
      `insert into outbox.publishers (tenant_id, destination, shard, limits) select unnest($1::text[]), 'kafka', 0, $2::jsonb`,
      [names, JSON.stringify(limits)],
    );
  }

  /** A backlog that nobody is told of: `wake` does that. */
  async store(tenants: readonly string[], topic: string, each: number): Promise<void> {
    await this.servers.installation.query(
      `with quiet as materialized (select set_config('outbox.wake', 'off', true))
       insert into outbox.events (tenant_id, dedupe_key, topic, event_type, ordering_key, content_type, payload)
       select t, 'bulk-' || $4::int || '-' || n, $3, 'bulk', 'key-' || n % 1000, 'application/json',
              convert_to('{"label":"bulk","due":0,"text":"' || repeat('x', 260) || '"}', 'UTF8')
       from quiet, unnest($1::text[]) as t, generate_series(1, $2::int) as n order by n`,
      [tenants, each, topic, (this.#stores += 1)],
    );
    for (const tenant of tenants) this.account.accepted(tenant, each);
  }

  /** One more event of each by the ordinary way. */
  async wake(tenants: readonly string[], topic: string): Promise<void> {
    for (const tenant of tenants) {
      await this.servers.installation.query(
        `select outbox.enqueue(tenant => $1, topic => $2, type => 'wake', payload => '{"label":"wake","due":0}'::jsonb)`,
        [tenant, topic],
      );
      this.account.accepted(tenant, 1);
    }
  }

  /** Throws unless nothing of these tenants was lost or doubled; see `Account.check`. */
  async balanced(
    tenants: readonly string[],
    log: (line: string) => void,
    drained: { readonly drained: boolean },
  ): Promise<void> {
    const { installation } = this.servers;
    const { accepted, published } = await this.account.check(
      (text, values) => installation.query(text, values),
      tenants,
      drained,
    );
    log(`the account balances: ${accepted} accepted, ${published} published`);
  }

  async pending(tenant: string): Promise<boolean> {
    const rows = await this.servers.installation.query(
      // In the order of the pending index: without one Postgres reads the whole table for it once few are pending.
      `select 1 from outbox.events where tenant_id = $1 and destination = 'kafka' and shard = 0 and status = 'pending'
       order by tenant_id, destination, shard, lane, event_id limit 1`,
      [tenant],
    );
    return rows.length > 0;
  }

  #options(name: string, env: Readonly<Record<string, string>>): ServiceOptions {
    const { databaseUrl, kafkaBrokers, temporalAddress, prefix, folder } = this.servers;
    return {
      addresses: { databaseUrl, kafkaBrokers, temporalAddress },
      taskQueue: prefix,
      folder,
      name,
      firedLog: join(folder, 'fired.ndjson'),
      env: { ...DEFAULTS, ...env },
    };
  }
}
