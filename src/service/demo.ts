import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { enqueue } from '../client';
import { withTransaction } from '../postgres/pool';
import type { DemoReader } from './demo-reader';

/** Two tenants, so that a newcomer sees at once whose events are whose. */
const TENANTS = ['acme', 'globex'] as const;
export const DEMO_TOPICS = ['orders', 'payments'] as const;

export interface DemoDeps {
  readonly dataDir: string;
  readonly pool: Pool;
  readonly ingestUrl: string;
  readonly reader: DemoReader;
  /** Creates the tenant if it is new and mints a key for it. */
  readonly createTenantWithKey: (name: string) => Promise<string>;
  readonly print: (line: string) => void;
}

/**
 * Creates the demo tenants on the first run, publishes two events of each by both paths (SQL transaction and HTTP) and
 * prints them as a consumer reads them back from Kafka. Answers the tenants' keys.
 */
export async function runDemo(deps: DemoDeps): Promise<Readonly<Record<string, string>>> {
  const keys = await demoKeys(deps);
  const run = Date.now().toString(36);
  const expected: string[] = [];
  for (const tenant of TENANTS) {
    const sql = await withTransaction(deps.pool, (client) =>
      enqueue(client, {
        tenant,
        topic: 'orders',
        type: 'order.created',
        key: `order-${run}`,
        payload: { order: run, by: 'SQL transaction', at: new Date().toISOString() },
      }),
    );
    expected.push(sql.id);
    expected.push(await post(deps.ingestUrl, keys[tenant] ?? '', run));
  }
  deps.print(`published ${expected.length} demo events; reading them back from Kafka:`);
  for (const line of await deps.reader.read(expected, 60_000)) deps.print(`  ${line}`);
  return keys;
}

async function post(url: string, key: string, run: string): Promise<string> {
  const response = await fetch(`${url}/v1/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      topic: 'payments',
      type: 'payment.received',
      key: `order-${run}`,
      payload: { order: run, by: 'HTTP', at: new Date().toISOString() },
    }),
  });
  if (response.status !== 202)
    throw new Error(`the demo's post was answered ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { id: string }).id;
}

/** Keys are stored only as hashes, so the demo keeps its own in the data folder, for the owner's eyes. */
async function demoKeys(deps: DemoDeps): Promise<Record<string, string>> {
  const file = join(deps.dataDir, 'demo-keys.json');
  const known = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>) : {};
  const accepted = await Promise.all(TENANTS.map((tenant) => isAccepted(deps.ingestUrl, known[tenant])));
  const keys: Record<string, string> = {};
  for (const [index, tenant] of TENANTS.entries()) {
    const kept = accepted[index] === true ? known[tenant] : undefined;
    keys[tenant] = kept ?? (await deps.createTenantWithKey(tenant));
  }
  writeFileSync(file, JSON.stringify(keys, null, 2), { mode: 0o600 });
  return keys;
}

/** False after the database was made anew or the key was revoked. */
async function isAccepted(url: string, key: string | undefined): Promise<boolean> {
  if (key === undefined) return false;
  const response = await fetch(`${url}/v1/events/0`, { headers: { authorization: `Bearer ${key}` } });
  await response.arrayBuffer();
  return response.status !== 401 && response.status !== 403;
}
