import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import type { Pool } from 'pg';
import { Registry } from 'prom-client';
import { dropDatabase } from '../../../faults/harness/drop-database';
import { startApi } from '../../../src/api/start';
import type { ApiDeps, RunningApi } from '../../../src/api/start';
import { postgresStores } from '../../../src/api/stores';
import { loadConfig } from '../../../src/config';
import type { Config, ConfigOptions } from '../../../src/config';
import type { PublisherRef } from '../../../src/domain/publisher';
import { createPool } from '../../../src/postgres/pool';
import { createHealth } from '../../../src/telemetry/health';
import { createLogger } from '../../../src/telemetry/logger';
import { createMetrics } from '../../../src/telemetry/metrics';
import { temporalClient } from '../../../src/temporal/client';
import { publisherCommands } from '../../../src/temporal/publisher-commands';
import { testServers } from '../../support/stack';

export const ADMIN_KEY = 'admin-key-of-the-tests';

export interface TestApi extends RunningApi {
  readonly pool: Pool;
  readonly databaseUrl: string;
  readonly config: Config;
  readonly wakes: PublisherRef[];
  readonly logged: () => string;
  readonly metrics: () => Promise<string>;
  /** Creates a tenant over the admin API and returns its key. */
  createTenant(name: string): Promise<string>;
  /** Rows of outbox.events, of all tenants. */
  stored(): Promise<number>;
  stop(): Promise<void>;
}

/** The API on a migrated database of its own. */
export async function startTestApi(
  overrides: ConfigOptions['overrides'] = {},
  replace: (deps: ApiDeps) => Partial<ApiDeps> = () => ({}),
): Promise<TestApi> {
  const database = `api_${randomBytes(6).toString('hex')}`;
  const { databaseUrl: serverUrl } = testServers();
  await onServer(serverUrl, `create database ${database}`);
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  const databaseUrl = url.toString();
  await promisify(execFile)(process.execPath, [join(__dirname, '../../support/migrate-child.cjs'), databaseUrl, 'up']);

  const pool = createPool(databaseUrl, { max: 8, connectTimeoutMs: 2_000 });
  const config = loadConfig({
    OUTBOX_API_PORT: '0',
    OUTBOX_ADMIN_PORT: '0',
    OUTBOX_LISTEN_HOST: '127.0.0.1',
    OUTBOX_ADMIN_KEY: ADMIN_KEY,
    ...Object.fromEntries(Object.entries(overrides).map(([name, value]) => [name, String(value)])),
  });
  const wakes: PublisherRef[] = [];
  let log = '';
  // No worker runs on this task queue: what needs a publisher's answer is tested with whole processes, in test/integration/admin.
  const client = temporalClient({ address: testServers().temporalAddress, namespace: 'default' });
  const registry = new Registry();
  const health = createHealth();
  health.register('postgres', async () => void (await pool.query('select 1')));
  const deps: ApiDeps = {
    ...postgresStores(pool),
    wake: (publishers) => void wakes.push(...publishers),
    admin: {
      pool,
      publishers: publisherCommands(client, database),
      doctor: () => Promise.resolve([]),
      version: '0.0.0',
    },
    health,
    metrics: createMetrics(registry, { version: 'test' }),
    logger: createLogger({
      level: 'info',
      name: 'api',
      destination: { write: (line: string) => void (log += line) },
    }),
  };
  const api = await startApi(config, { ...deps, ...replace(deps) });
  return {
    ...api,
    pool,
    databaseUrl,
    config,
    wakes,
    logged: () => log,
    metrics: () => registry.metrics(),
    async createTenant(name) {
      const answer = await admin(api, 'POST', '/admin/tenants', { name });
      if (answer.status !== 201) throw new Error(`The tenant was not created: ${JSON.stringify(answer.body)}`);
      return String(answer.body['key']);
    },
    async stored() {
      const { rows } = await pool.query<{ n: number }>('select count(*)::int as n from outbox.events');
      return rows[0]?.n ?? -1;
    },
    async stop() {
      await api.close(2_000);
      await client.connection.close();
      await pool.end();
      await dropDatabase((statement) => onServer(serverUrl, statement), database);
    },
  };
}

async function onServer(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

export interface PostOptions {
  readonly key?: string;
  readonly headers?: Record<string, string>;
  readonly path?: string;
}

/** Posts a body (bytes and text as they are, anything else as JSON). */
export async function post(api: RunningApi, body: unknown, options: PostOptions = {}): Promise<Answer> {
  const raw = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  return answer(
    await fetch(api.ingestUrl + (options.path ?? '/v1/events'), {
      method: 'POST',
      body: raw,
      headers: {
        'content-type': 'application/json',
        ...(options.key === undefined ? {} : { authorization: `Bearer ${options.key}` }),
        ...options.headers,
      },
    }),
  );
}

export async function get(api: RunningApi, path: string, key?: string): Promise<Answer> {
  const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
  return answer(await fetch(api.ingestUrl + path, { headers }));
}

export async function admin(
  api: Pick<RunningApi, 'adminUrl'>,
  method: string,
  path: string,
  body?: unknown,
  key: string | null = ADMIN_KEY,
): Promise<Answer> {
  return answer(
    await fetch(api.adminUrl + path, {
      method,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }),
  );
}

async function answer(response: Response): Promise<Answer> {
  const text = await response.text();
  let body: Record<string, unknown> = {};
  if (text !== '' && /json/.test(response.headers.get('content-type') ?? '')) body = JSON.parse(text) as typeof body;
  return { status: response.status, headers: response.headers, body };
}

/** Asserts a problem document of the given status and code (any 4xx unless given). */
export function expectProblem(given: Answer, status?: number, code?: string): void {
  expect({ status: given.status, type: given.headers.get('content-type') }).toEqual({
    status: status ?? expect.any(Number),
    type: 'application/problem+json; charset=utf-8',
  });
  expect(given.status).toBeGreaterThanOrEqual(400);
  expect(given.status).toBeLessThan(500);
  expect(given.body).toMatchObject({
    type: `urn:temporal-outbox:problem:${String(given.body['code'])}`,
    title: expect.any(String),
    status: given.status,
    detail: expect.stringMatching(/\.$/),
    instance: given.headers.get('x-request-id'),
    ...(code === undefined ? {} : { code }),
  });
}

/** A valid event. */
export function event(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return { topic: 'orders', type: 'order.created', payload: { n: 1 }, ...changes };
}
