/**
 * The embedded stack: real Postgres, Kafka and Temporal servers on loopback, for a machine that has none. A server is
 * started only if its address is unset; its data lives in the data folder, so a restart loses nothing.
 */
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { OutboxError, errorMessage } from '../domain/errors';
import { ADDRESS_VARIABLES, namesServer } from './addresses';
import { GuardClient } from './guard-client';
import { SERVER_NAMES } from './guard-protocol';
import type { ServerName } from './guard-protocol';
import { prepareKafka } from './kafka/server';
import { cacheFolder } from './locations';
import { choosePort } from './ports';
import { postgresUrl, preparePostgres } from './postgres/server';
import { RunningServer } from './running-server';
import type { Log, Server, ServerContext } from './server';
import { readState, writeState } from './state';
import type { PortName, StackState } from './state';
import { prepareTemporal } from './temporal/server';

export type { ServerName } from './guard-protocol';
export { joinStack } from './join';
export type { JoinedStack } from './join';

export interface StackOptions {
  /** Holds the servers' data, logs and generated secrets. One stack at a time may use it. */
  readonly dataDir: string;
  /** Where addresses and ports are looked up; process.env unless given. */
  readonly env?: NodeJS.ProcessEnv;
  /** Start no others than these; all three unless given. */
  readonly only?: readonly ServerName[];
  /** Receives progress, a line at a time. */
  readonly log?: Log;
  /** Kafka broker properties that replace or extend the stack's own, for tests. */
  readonly kafkaOverrides?: Readonly<Record<string, string>>;
}

export interface Stack {
  /** Addresses, of the servers started here or of those that the environment names; empty if neither (or in a _FILE). */
  readonly databaseUrl: string;
  readonly kafkaBrokers: string;
  readonly temporalAddress: string;
  readonly temporalUiUrl?: string | undefined;
  /** The servers started here. */
  readonly started: ServerName[];
  /** Their process ids (postmaster, java, temporal), as of now. */
  readonly pids: Partial<Record<ServerName, number>>;
  /** Sends a signal to a server, for fault tests. */
  kill(name: ServerName, signal: NodeJS.Signals): void;
  /** Ends a server if it still runs and starts it again, on the same ports and data; resolves when it answers. */
  restart(name: ServerName): Promise<void>;
  /** Ends all servers in good order and gives the data folder back. May be called more than once. */
  stop(): Promise<void>;
}

const PORT_VARIABLES = {
  postgres: 'OUTBOX_STACK_POSTGRES_PORT',
  kafka: 'OUTBOX_STACK_KAFKA_PORT',
  kafkaController: 'OUTBOX_STACK_KAFKA_CONTROLLER_PORT',
  temporal: 'OUTBOX_STACK_TEMPORAL_PORT',
  temporalUi: 'OUTBOX_STACK_TEMPORAL_UI_PORT',
} as const satisfies Record<PortName, string>;

/**
 * Starts the servers whose addresses are unset and waits until they answer. They end with `stop()`, and also when this
 * process ends in any other way.
 *
 * @throws OutboxError CONFIG_INVALID: the folder is in use, a port is taken, or a prerequisite is missing (all that
 *   are missing in one message); *_UNAVAILABLE: a server did not start, with the end of its log.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const env = options.env ?? process.env;
  const log: Log = options.log ?? (() => undefined);
  const dataDir = resolve(options.dataDir);
  const wanted = (options.only ?? SERVER_NAMES).filter((name) => !namesServer(name, env));
  if (wanted.length === 0) return assemble(env, undefined, undefined, []);

  mkdirSync(resolve(dataDir, 'logs'), { recursive: true });
  const guard = await GuardClient.start(dataDir);
  try {
    const state = await chooseState(dataDir, env, wanted);
    writeState(dataDir, state);
    const context: ServerContext = { dataDir, cacheDir: cacheFolder(dataDir, env), env, log };
    const servers = await allOrErrors(
      wanted.map(async (name) => {
        const server = await prepare(name, context, state, options.kafkaOverrides ?? {});
        const running = new RunningServer(server, guard, log);
        await running.start();
        log(`${name} is up`);
        return running;
      }),
    );
    return assemble(env, state, guard, servers);
  } catch (error) {
    await guard.close();
    throw error;
  }
}

function prepare(
  name: ServerName,
  context: ServerContext,
  state: StackState,
  overrides: Readonly<Record<string, string>>,
): Promise<Server> {
  const port = (which: PortName): number => state.ports[which] ?? 0;
  switch (name) {
    case 'postgres':
      return preparePostgres(context, port('postgres'), state.postgresPassword);
    case 'kafka':
      return prepareKafka(context, {
        port: port('kafka'),
        controllerPort: port('kafkaController'),
        clusterId: state.kafkaClusterId,
        overrides,
      });
    case 'temporal':
      return prepareTemporal(context, port('temporal'), port('temporalUi'));
  }
}

async function chooseState(dataDir: string, env: NodeJS.ProcessEnv, wanted: readonly string[]): Promise<StackState> {
  const last = readState(dataDir);
  const taken = new Set<number>();
  const ports: Partial<Record<PortName, number>> = { ...last.ports };
  for (const name of Object.keys(PORT_VARIABLES) as PortName[]) {
    if (!wanted.some((server) => name.startsWith(server))) continue;
    const port = await choosePort(PORT_VARIABLES[name], env, last.ports[name], taken);
    taken.add(port);
    ports[name] = port;
  }
  return { ...last, ports };
}

function assemble(
  env: NodeJS.ProcessEnv,
  state: StackState | undefined,
  guard: GuardClient | undefined,
  servers: readonly RunningServer[],
): Stack {
  const byName = new Map(servers.map((server) => [server.name, server]));
  const local = (name: ServerName, port: PortName): string =>
    byName.has(name) && state ? `127.0.0.1:${state.ports[port]}` : (env[ADDRESS_VARIABLES[name]] ?? '');
  const find = (name: ServerName): RunningServer => {
    const server = byName.get(name);
    if (server) return server;
    throw new OutboxError(
      'CONFIG_INVALID',
      `This stack did not start ${name}. Unset ${ADDRESS_VARIABLES[name]} first.`,
    );
  };
  return {
    databaseUrl:
      byName.has('postgres') && state
        ? postgresUrl(state.ports.postgres ?? 0, state.postgresPassword)
        : (env['DATABASE_URL'] ?? ''),
    kafkaBrokers: local('kafka', 'kafka'),
    temporalAddress: local('temporal', 'temporal'),
    temporalUiUrl: byName.has('temporal') ? `http://${local('temporal', 'temporalUi')}` : undefined,
    started: [...byName.keys()],
    get pids() {
      return Object.fromEntries(servers.flatMap(({ name, pid }) => (pid === undefined ? [] : [[name, pid]])));
    },
    kill: (name, signal) => find(name).kill(signal),
    restart: (name) => find(name).restart(),
    stop: async () => {
      for (const server of servers) server.expectEnd();
      await guard?.close();
      for (const server of servers) server.endOrphan();
    },
  };
}

/** Waits for all, so that one message names everything that is missing and nothing is still being started behind it. */
async function allOrErrors<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(promises);
  const failed = results.filter((result) => result.status === 'rejected').map((result) => result.reason as unknown);
  if (failed.length === 1) throw failed[0];
  if (failed.length > 1) {
    throw new OutboxError('CONFIG_INVALID', failed.map((error) => errorMessage(error)).join('\n'), {
      cause: new AggregateError(failed),
    });
  }
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}
