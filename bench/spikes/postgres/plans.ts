/**
 * Which queries fall for the look's index: `plans.ts`. It holds few rows by statistics, so the planner may walk it for each step of a sweep,
 * and what is dead in it, held by an old transaction, is in no statistics. Tried with the plain index and with one that only a look can use.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from 'pg';
import { startStack } from '../../../src/stack';
import { cacheFolder, packageRoot } from '../../../src/stack/locations';
import { connected } from './load';
import { ATTACH_ALL, ATTACH_ALL_FROM, CLAIM, createTable, HOT, LOOKS, parseSnapshot, SWEEP, tenantName } from './table';

const EVENTS = 100_000;
const PER_TENANT = 50;
const INDEXES = {
  plain: `create index events_xid on spike.events (xid) where status = 'pending'`,
  // No query but a look compares xid, which is what proves this predicate.
  guarded: `create index events_xid on spike.events (xid) where status = 'pending' and xid is not null`,
};

interface Node {
  readonly 'Index Name'?: string;
  readonly 'Node Type': string;
  readonly 'Shared Hit Blocks'?: number;
  readonly 'Shared Read Blocks'?: number;
  readonly Plans?: readonly Node[];
}

async function plans(client: Client, url: string, index: string, nullable: boolean): Promise<void> {
  await createTable(client);
  await client.query(`drop index spike.events_xid; ${index}`);
  if (nullable) await client.query('alter table spike.events alter column xid drop not null');
  await client.query('alter table spike.events set (autovacuum_enabled = off)');
  await client.query(
    `insert into spike.events (tenant_id, dedupe_key, payload)
     select 'tenant-' || lpad((n / $2)::text, 5, '0'), n::text, '\\x00' from generate_series(0, $1 - 1) n`,
    [EVENTS, PER_TENANT],
  );
  const long = await connected(url);
  await long.query('begin; select pg_current_xact_id()');
  await client.query(`update spike.events set status = 'published'`);
  const { rows } = await client.query<{ s: string }>('select pg_current_snapshot()::text s');
  const since = parseSnapshot(rows[0]?.s ?? '');
  await client.query(`insert into spike.events (tenant_id, dedupe_key) select t, 'new' from unnest($1::text[]) t`, [
    Array.from({ length: 20 }, (_, number) => tenantName(number * 40)),
  ]);
  await client.query('vacuum analyze spike.events');
  const names = Array.from({ length: 1_000 }, (_, number) => tenantName(number));
  const cursors = names.map((_, number) => (number + 1) * PER_TENANT);
  await client.query('set statement_timeout = 60000');
  for (const [name, text, values] of [
    ['look', LOOKS['attached by a join'], [since.xmax, since.inProgress, 1]],
    ['look, array', LOOKS['attached by an array of 1,000'], [since.xmax, since.inProgress, names]],
    ['claim, no cursor', CLAIM, [HOT, 0]],
    ['claim, cursor', CLAIM, [HOT, PER_TENANT]],
    ['scan of 1,000', ATTACH_ALL, []],
    ['scan of 1,000, cursors', ATTACH_ALL_FROM, [names, cursors]],
    ['sweep', SWEEP, []],
  ] as const) {
    for (const mode of ['force_custom_plan', 'force_generic_plan']) {
      await client.query(`set plan_cache_mode = ${mode}`);
      console.log(
        `  ${name.padEnd(23)} ${mode.slice(6, 13)} ${await explained(client, name + mode, text, [...values])}`,
      );
    }
  }
  await long.query('rollback');
  await long.end();
  await client.query('drop schema spike cascade; deallocate all; reset all');
}

/** Through a prepared statement, since the values decide the plan in one mode and do not in the other. */
async function explained(client: Client, name: string, text: string, values: unknown[]): Promise<string> {
  const plan = `"${name}"`;
  await client.query(`prepare ${plan} as ${text}`);
  const literals = values.map((value) =>
    Array.isArray(value) ? client.escapeLiteral(`{${value.map(String).join()}}`) : client.escapeLiteral(String(value)),
  );
  try {
    const { rows } = await client.query<{ 'QUERY PLAN': [{ 'Execution Time': number; Plan: Node }] }>(
      `explain (analyze, buffers, timing off, format json) execute ${plan}${literals.length > 0 ? `(${literals.join()})` : ''}`,
    );
    const [top] = rows[0]?.['QUERY PLAN'] ?? [];
    if (top === undefined) return 'no plan';
    const pages = (top.Plan['Shared Hit Blocks'] ?? 0) + (top.Plan['Shared Read Blocks'] ?? 0);
    return `${top['Execution Time'].toFixed(1)} ms, ${pages} pages, ${[...new Set(indexes(top.Plan))].join()}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function indexes(node: Node): string[] {
  const own = node['Index Name'] ?? (node['Node Type'] === 'Seq Scan' ? 'seq scan' : undefined);
  return [...(own === undefined ? [] : [own]), ...(node.Plans ?? []).flatMap(indexes)];
}

async function main(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'outbox-spike-'));
  chmodSync(dataDir, 0o755);
  const { PATH, HOME } = process.env;
  const cache = cacheFolder(join(packageRoot(), '.data'), process.env);
  const stack = await startStack({ dataDir, only: ['postgres'], env: { PATH, HOME, OUTBOX_CACHE_DIR: cache } });
  const client = await connected(stack.databaseUrl);
  try {
    for (const [name, index] of Object.entries(INDEXES)) {
      for (const nullable of name === 'guarded' ? [false, true] : [false]) {
        console.log(`--- ${name} index${nullable ? ', column may be null' : ''}`);
        await plans(client, stack.databaseUrl, index, nullable);
      }
    }
  } finally {
    await client.end().catch(() => undefined);
    await stack.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
