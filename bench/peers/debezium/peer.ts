import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { BenchEvent } from '../../load/events';
import { poll } from '../../harness/clock';
import { commitOnSchedule } from '../harness/steady-load';
import type { SteadyLoad } from '../harness/steady-load';
import { insertRows, runSql } from '../harness/table';
import type { Peer, PeerContext } from '../peer';
import { ConnectWorker } from './connect-worker';
import { SCHEMA, TUNED, connectorConfig } from './connector';

const COLUMNS = 'id, aggregatetype, aggregateid, type, tenant, payload';
const CONNECTOR = 'outbox';

/** Debezium's outbox event router on Kafka Connect, exactly-once. */
export class Debezium implements Peer {
  readonly about: string;
  readonly #id: string;
  readonly #worker: ConnectWorker;
  #slot = false;

  constructor(
    private readonly context: PeerContext,
    private readonly tuned: boolean,
  ) {
    const { servers, name, log } = context;
    this.#id = `${servers.prefix}_${name}`.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_');
    this.#worker = new ConnectWorker(
      `${servers.prefix}-${name}`,
      join(servers.folder, name),
      servers.kafkaBrokers,
      log,
    );
    const settings = tuned ? Object.entries(TUNED).map(([key, value]) => `\`${key}=${value}\``) : ['default settings'];
    this.about = `debezium-connector-postgres 3.5.0.Final (pgoutput, outbox event router) on Kafka Connect 4.1 in distributed mode, exactly-once required, ${settings.join(', ')}; JVM options of connect-distributed.sh; the backlog is stored in transactions of 1,000 rows while the connector is stopped`;
  }

  async start(): Promise<void> {
    await runSql(this.context.servers.databaseUrl, SCHEMA);
    await this.#worker.start();
    this.#slot = true;
    await this.#worker.create(CONNECTOR, connectorConfig(this.context.servers, this.#id, this.tuned ? TUNED : {}));
    await this.#streaming();
  }

  async restart(): Promise<void> {
    await this.#worker.start();
  }

  pids(): readonly number[] {
    return this.#worker.pid === null ? [] : [this.#worker.pid];
  }

  async backlog(events: readonly BenchEvent[]): Promise<void> {
    await this.#worker.stopConnector(CONNECTOR);
    await insertRows(
      this.context.servers.databaseUrl,
      events,
      (chunk) => ({
        text: `insert into debezium.outbox (${COLUMNS}) select u.*
               from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::json[]) as u`,
        values: [
          chunk.map(() => randomUUID()),
          chunk.map((event) => event.topic),
          chunk.map((event) => `${event.tenant}:${event.key}`),
          chunk.map((event) => event.type),
          chunk.map((event) => event.tenant),
          chunk.map((event) => String(event.payload)),
        ],
      }),
      { atOnce: false },
    );
    await this.#worker.resumeConnector(CONNECTOR);
  }

  idle(): Promise<void> {
    return this.#streaming();
  }

  steady(load: SteadyLoad): Promise<void> {
    return commitOnSchedule(this.context.servers.databaseUrl, load, ({ key, payload }) => ({
      text: `insert into debezium.outbox (${COLUMNS}) values ($1, $2, $3, $4, $5, $6)`,
      values: [randomUUID(), load.topic, `${load.tenant}:${key}`, 'order.created', load.tenant, payload],
    }));
  }

  kill(): Promise<void> {
    return this.#worker.kill();
  }

  /** What it has not read yet goes with its slot. */
  clear(): Promise<void> {
    return this.stop();
  }

  async stop(): Promise<void> {
    await this.#worker.stop();
    if (!this.#slot) return;
    // Without its slot Postgres would keep the log for it forever, and could not drop the database.
    await poll(`slot ${this.#id} dropped`, 20_000, 100, async () => {
      await this.context.servers.installation.query(
        'select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active',
        [this.#id],
      );
      const left = await this.context.servers.installation.query(
        'select from pg_replication_slots where slot_name = $1',
        [this.#id],
      );
      return left.length === 0;
    });
    this.#slot = false;
  }

  /** The task runs and reads the log: RUNNING alone is reported before the snapshot of the empty table is over. */
  async #streaming(): Promise<void> {
    await this.#worker.until(CONNECTOR, 'RUNNING', 1);
    await poll(`${CONNECTOR} reads the log`, 60_000, 50, async () => {
      const rows = await this.context.servers.installation.query(
        'select from pg_replication_slots where slot_name = $1 and active',
        [this.#id],
      );
      return rows.length === 1;
    });
  }
}
