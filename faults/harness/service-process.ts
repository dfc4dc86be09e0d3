import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { packageRoot } from '../../src/stack/locations';
import { choosePort } from '../../src/stack/ports';
import { Child } from './child';

export interface Addresses {
  readonly databaseUrl: string;
  readonly kafkaBrokers: string;
  readonly temporalAddress: string;
}

export interface ServiceOptions {
  readonly addresses: Addresses;
  readonly taskQueue: string;
  /** Holds its log and working files. */
  readonly folder: string;
  readonly name: string;
  /** As OUTBOX_FAILPOINTS; the proofs go to `firedLog`. */
  readonly failpoints?: string;
  readonly firedLog: string;
  /** More variables, or others in place of the harness' own. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A worker or an api under test: the built program, started as in production. */
export interface Service {
  readonly child: Child;
  readonly url: string;
  readonly adminUrl: string;
}

/**
 * Times short enough for a test to see every time-out, in the order that the product demands (request < transaction).
 */
const QUICK: Readonly<Record<string, string>> = {
  OUTBOX_KAFKA_REQUEST_TIMEOUT: '2s',
  OUTBOX_KAFKA_TRANSACTION_TIMEOUT: '6s',
  OUTBOX_LINGER: '300ms',
  OUTBOX_BREAKER_RESET: '1s',
  OUTBOX_SWEEP_INTERVAL: '500ms',
  OUTBOX_SHUTDOWN_GRACE: '15s',
  OUTBOX_TOPIC_CREATE: 'true',
  OUTBOX_TOPIC_PARTITIONS: '4',
  OUTBOX_BATCH_EVENTS: '200',
  OUTBOX_POSTGRES_POOL: '8',
  OUTBOX_LISTEN_HOST: '127.0.0.1',
  OUTBOX_LEDGER_SINGLE_BROKER: 'true',
};

/** The admin key of every installation under test; it guards nothing but loopback. */
export const ADMIN_KEY = 'fault-harness-admin-key';

/** The build under test. OUTBOX_FAULTS_DIST names another one, for example of a release to compare with. */
function builtFile(...path: string[]): string {
  return join(process.env['OUTBOX_FAULTS_DIST'] ?? join(packageRoot(), 'dist'), ...path);
}

/** Starts `worker` and does not wait: a worker with a failpoint may die before it is ever ready. */
export async function launchWorker(options: ServiceOptions): Promise<Service> {
  const port = await freePort();
  const child = launch('worker', options, { OUTBOX_WORKER_PORT: String(port) });
  return { child, url: '', adminUrl: `http://127.0.0.1:${port}` };
}

/** Starts `api` (ingest and admin listener) and waits until it is ready. */
export async function startApi(options: ServiceOptions): Promise<Service> {
  const port = await freePort();
  const adminPort = await freePort();
  const child = launch('api', options, { OUTBOX_API_PORT: String(port), OUTBOX_ADMIN_PORT: String(adminPort) });
  const service = { child, url: `http://127.0.0.1:${port}`, adminUrl: `http://127.0.0.1:${adminPort}` };
  await untilReady(service);
  return service;
}

/** Resolves when the service's /readyz says 200; rejects when it ends before, or after `deadlineMs`. */
export async function untilReady(service: Service, deadlineMs = 30_000): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    if (service.child.end !== null) throw new Error(`${service.child.options.name} ended:\n${service.child.logTail()}`);
    const ready = await fetch(`${service.adminUrl}/readyz`, { signal: AbortSignal.timeout(1_000) }).then(
      (response) => response.status === 200,
      () => false,
    );
    if (ready) return;
    if (Date.now() > deadline)
      throw new Error(`${service.child.options.name} is not ready after ${deadlineMs} ms:\n${service.child.logTail()}`);
    await delay(50);
  }
}

/** Runs `node dist/main.js <args>` or the CLI to its end; rejects unless it exits 0. Resolves with its output. */
export async function runBuilt(script: string, args: readonly string[], options: ServiceOptions): Promise<string> {
  const child = new Child({
    name: `${script} ${args.join(' ')}`,
    args: [builtFile(script), ...args],
    env: environment(options),
    logFile: logFile(options),
    cwd: options.folder,
  });
  const { code } = await child.mustEnd(60_000);
  if (code !== 0) throw new Error(`${child.options.name} exited ${code}:\n${child.logTail()}`);
  return child.log();
}

function launch(role: 'worker' | 'api', options: ServiceOptions, more: Readonly<Record<string, string>>): Child {
  return new Child({
    name: options.name,
    args: [builtFile('main.js'), role],
    env: { ...environment(options), ...more },
    logFile: logFile(options),
    cwd: options.folder,
  });
}

function logFile({ folder, name }: ServiceOptions): string {
  mkdirSync(folder, { recursive: true });
  return join(folder, `${name}.log`);
}

/** Nothing of the caller's own OUTBOX_*, KAFKA_* or TEMPORAL_* variables: a run must not depend on who starts it. */
function environment(options: ServiceOptions): NodeJS.ProcessEnv {
  const { addresses, failpoints } = options;
  return {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    NODE_ENV: 'test',
    ...QUICK,
    DATABASE_URL: addresses.databaseUrl,
    KAFKA_BROKERS: addresses.kafkaBrokers,
    TEMPORAL_ADDRESS: addresses.temporalAddress,
    OUTBOX_TASK_QUEUE: options.taskQueue,
    OUTBOX_DATA_DIR: options.folder,
    OUTBOX_ADMIN_KEY: ADMIN_KEY,
    ...(failpoints !== undefined && { OUTBOX_FAILPOINTS: failpoints, OUTBOX_FAILPOINTS_LOG: options.firedLog }),
    ...options.env,
  };
}

async function freePort(): Promise<number> {
  return choosePort('', {}, undefined, new Set());
}
