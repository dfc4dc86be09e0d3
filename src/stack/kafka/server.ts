import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { OutboxError } from '../../domain/errors';
import { definedEnv, runCommand } from '../command';
import { connectOnce, trimLog, untilReady } from '../server';
import type { Server, ServerContext } from '../server';
import { KAFKA_SETTINGS } from '../settings';
import { findJava } from './java';
import { kafkaJars } from './jars';

export interface KafkaOptions {
  readonly port: number;
  readonly controllerPort: number;
  readonly clusterId: string;
  /** Broker properties that replace or extend ours. */
  readonly overrides: Readonly<Record<string, string>>;
}

/** Serial collector and small heap: one broker of a developer's machine, beside Postgres, Temporal and Node. */
const JVM_OPTIONS = [
  '-Xms128m',
  '-Xmx512m',
  '-XX:+UseSerialGC',
  // Of 512 MiB the collector gave 35 to young objects: a pause of 20 to 70 ms each second that it was busy.
  '-Xmn160m',
  '-XX:+ExitOnOutOfMemoryError',
  '-Djava.awt.headless=true',
];

const LOG4J = `
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %m (%c)%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
`;

/** Prepares the embedded Kafka: its jars and configuration, and a formatted log folder if there is none. */
export async function prepareKafka(context: ServerContext, options: KafkaOptions): Promise<Server> {
  const { dataDir, cacheDir, env, log } = context;
  const [java, jars] = await Promise.all([findJava(env), kafkaJars(cacheDir, env, log)]);
  const home = join(dataDir, 'kafka');
  mkdirSync(home, { recursive: true });
  const properties = join(home, 'server.properties');
  const log4j = join(home, 'log4j2.properties');
  writeFileSync(properties, propertiesFile({ ...brokerProperties(home, options), ...options.overrides }));
  writeFileSync(log4j, LOG4J);
  const base = [...JVM_OPTIONS, `-Dlog4j2.configurationFile=${log4j}`, '-cp', join(jars, '*')];
  if (!existsSync(join(home, 'log', 'meta.properties'))) {
    log('formatting the Kafka log folder');
    await format(java, base, properties, options.clusterId, env);
  }
  const logFile = join(dataDir, 'logs', 'kafka.log');
  trimLog(logFile);
  return {
    name: 'kafka',
    command: {
      name: 'kafka',
      file: java,
      args: [...base, 'kafka.Kafka', properties],
      env: javaEnv(env),
      cwd: home,
      logFile,
      stopSignal: 'SIGTERM',
    },
    ready: async (ended) => {
      await untilReady(ended, 90_000, () => connectOnce(options.port));
      await untilReady(ended, 60_000, () => answersTransactions(options.port));
    },
  };
}

function brokerProperties(home: string, options: KafkaOptions): Record<string, string> {
  return {
    ...KAFKA_SETTINGS,
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${options.controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${options.port},CONTROLLER://127.0.0.1:${options.controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${options.port}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(home, 'log'),
  };
}

async function format(
  java: string,
  base: readonly string[],
  properties: string,
  clusterId: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const tool = ['kafka.tools.StorageTool', 'format', '--cluster-id', clusterId, '--config', properties];
  const result = await runCommand(java, [...base, ...tool], { env: javaEnv(env) });
  if (result.code !== 0) {
    throw new OutboxError(
      'KAFKA_UNAVAILABLE',
      `Kafka's log folder could not be formatted:\n${result.output}\n` +
        'Mend what it names, or set KAFKA_BROKERS to a broker of your own.',
    );
  }
}

/** One empty transaction: it creates the transaction topic and proves that the coordinator serves it. */
async function answersTransactions(port: number): Promise<void> {
  const kafka = new Kafka({
    clientId: 'temporal-outbox-stack',
    brokers: [`127.0.0.1:${port}`],
    logLevel: logLevel.NOTHING,
    retry: { retries: 3, initialRetryTime: 100 },
  });
  const producer = kafka.producer({
    transactionalId: 'temporal-outbox-stack',
    maxInFlightRequests: 1,
    idempotent: true,
  });
  try {
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.abort();
  } finally {
    await producer.disconnect();
  }
}

/** Java's property files know backslash escapes; paths and lists need no other care. */
function propertiesFile(properties: Record<string, string>): string {
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${value.replaceAll('\\', '\\\\')}\n`)
    .join('');
}

/** Without the options that a developer's shell may hold for other Java programs. */
function javaEnv(env: NodeJS.ProcessEnv): Record<string, string> {
  const foreign = ['JAVA_TOOL_OPTIONS', '_JAVA_OPTIONS', 'CLASSPATH'];
  return Object.fromEntries(Object.entries(definedEnv(env)).filter(([name]) => !foreign.includes(name)));
}
