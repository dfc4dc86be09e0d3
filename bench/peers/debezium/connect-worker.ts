import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child } from '../../../faults/harness/child';
import { definedEnv } from '../../../src/stack/command';
import { findJava } from '../../../src/stack/kafka/java';
import { choosePort } from '../../../src/stack/ports';
import { poll } from '../../harness/clock';
import { debeziumJars } from './jars';

const LOG4J = `
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %m (%c)%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
`;

/** Heap and collector as Kafka's own connect-distributed.sh sets them. */
const JVM_OPTIONS = [
  '-Xms256M',
  '-Xmx2G',
  '-server',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
  '-Djava.awt.headless=true',
];

const READY_MS = 120_000;
const STATE_MS = 90_000;

export type ConnectorState = 'RUNNING' | 'STOPPED';

/** A worker of Kafka Connect in distributed mode with exactly-once sources, alone in its group, and its REST interface. */
export class ConnectWorker {
  #child: Child | null = null;
  #url = '';

  /** `name`: unique on the broker; group and topics are named after it. `folder`: for its files. */
  constructor(
    private readonly name: string,
    private readonly folder: string,
    private readonly brokers: string,
    private readonly log: (line: string) => void,
  ) {}

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Starts the process and waits for its REST interface. A restart finds its connectors in its topics. */
  async start(): Promise<void> {
    const [java, jars] = await Promise.all([findJava(process.env), debeziumJars(this.log)]);
    const port = await choosePort('', {}, undefined, new Set());
    this.#url = `http://127.0.0.1:${port}`;
    mkdirSync(this.folder, { recursive: true });
    const properties = join(this.folder, 'connect.properties');
    const log4j = join(this.folder, 'log4j2.properties');
    writeFileSync(properties, this.#properties());
    writeFileSync(log4j, LOG4J);
    this.#child = new Child({
      name: this.name,
      file: java,
      args: [
        ...JVM_OPTIONS,
        `-Dlog4j2.configurationFile=${log4j}`,
        '-cp',
        join(jars, '*'),
        'org.apache.kafka.connect.cli.ConnectDistributed',
        properties,
      ],
      env: definedEnv(process.env),
      logFile: join(this.folder, 'connect.log'),
      cwd: this.folder,
    });
    await this.#poll('Kafka Connect', READY_MS, () => this.#answers());
  }

  async create(connector: string, config: Readonly<Record<string, string>>): Promise<void> {
    await this.#request('PUT', `/connectors/${connector}/config`, config);
  }

  async stopConnector(connector: string): Promise<void> {
    await this.#request('PUT', `/connectors/${connector}/stop`);
    await this.until(connector, 'STOPPED', 0);
  }

  resumeConnector(connector: string): Promise<unknown> {
    return this.#request('PUT', `/connectors/${connector}/resume`);
  }

  /** Resolves when the connector and exactly `tasks` tasks are in that state; rejects when one has failed. */
  until(connector: string, state: ConnectorState, tasks: number): Promise<void> {
    return this.#poll(`${connector} ${state}`, STATE_MS, async () => {
      const status = await this.#request<Status>('GET', `/connectors/${connector}/status`).catch(() => null);
      if (status === null) return false;
      const failed = [status.connector, ...status.tasks].find((part) => part.state === 'FAILED');
      if (failed !== undefined) throw new Error(`${connector} failed: ${failed.trace ?? 'no trace'}`);
      return (
        status.connector.state === state &&
        status.tasks.length === tasks &&
        status.tasks.every((task) => task.state === state)
      );
    });
  }

  async kill(): Promise<void> {
    this.#child?.signal('SIGKILL');
    await this.#child?.ended;
    this.#child = null;
  }

  async stop(): Promise<void> {
    await this.#child?.stop(15_000);
    this.#child = null;
  }

  #properties(): string {
    return Object.entries({
      'bootstrap.servers': this.brokers,
      'group.id': this.name,
      'exactly.once.source.support': 'enabled',
      'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
      'value.converter': 'org.apache.kafka.connect.storage.StringConverter',
      'config.storage.topic': `${this.name}-config`,
      'offset.storage.topic': `${this.name}-offsets`,
      'status.storage.topic': `${this.name}-status`,
      // One broker, and a worker that is started again at once after kill -9.
      'config.storage.replication.factor': '1',
      'offset.storage.replication.factor': '1',
      'status.storage.replication.factor': '1',
      'offset.storage.partitions': '5',
      'scheduled.rebalance.max.delay.ms': '0',
      listeners: this.#url,
    })
      .map(([key, value]) => `${key}=${value}\n`)
      .join('');
  }

  async #answers(): Promise<boolean> {
    try {
      return (await fetch(`${this.#url}/connectors`)).ok;
    } catch {
      return false;
    }
  }

  async #poll(what: string, deadlineMs: number, ask: () => Promise<boolean>): Promise<void> {
    try {
      await poll(what, deadlineMs, 50, () => {
        if (this.#child === null || this.#child.end !== null) throw new Error(`${this.name} has ended`);
        return ask();
      });
    } catch (error) {
      throw new Error(`${what}:\n${this.#child?.logTail() ?? ''}`, { cause: error });
    }
  }

  async #request<T>(method: string, path: string, body?: unknown): Promise<T | null> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return text === '' ? null : (JSON.parse(text) as T);
  }
}

interface Part {
  readonly state: string;
  readonly trace?: string;
}

interface Status {
  readonly connector: Part;
  readonly tasks: readonly Part[];
}
