import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import type { Pool } from 'pg';
import { dropDatabase } from '../../faults/harness/drop-database';
import { createPool } from '../../src/postgres/pool';
import { migrationsFolder } from '../../src/postgres/migrate';
import { createTenant } from '../../src/postgres/tenants';
import { testServers } from './stack';

const CHILD = path.join(__dirname, 'migrate-child.cjs');
const LOCK = "hashtextextended('temporal-outbox test template', 0)";

export interface TestDatabase {
  readonly url: string;
  readonly pool: Pool;
  drop(): Promise<void>;
}

/** A database of this test file alone, migrated, with these tenants. Cloned from a template: 50 ms in place of a migration. */
export async function createTestDatabase(...tenants: string[]): Promise<TestDatabase> {
  const template = await ensureTemplate();
  const made = await database((name) => `create database ${name} template ${template}`, tenants);
  // A clone is an installation of its own: with the template's id all tests would share transactional ids and ledgers.
  await made.pool.query('update outbox.installation set install_id = $1', [randomBytes(6).toString('hex')]);
  return made;
}

/** An empty database, for tests of the migrations themselves. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  return database((name) => `create database ${name}`, []);
}

/** Runs our own migrate() in a child process: jest cannot import() the ES module that it uses. Returns the status. */
export async function migrateInChild(
  url: string,
  command: string,
  count?: number,
): Promise<{ applied: string[]; missing: string[]; unknown: string[] }> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    CHILD,
    url,
    command,
    ...(count === undefined ? [] : [String(count)]),
  ]);
  return JSON.parse(stdout) as { applied: string[]; missing: string[]; unknown: string[] };
}

async function database(create: (name: string) => string, tenants: string[]): Promise<TestDatabase> {
  const name = `outbox_test_${randomBytes(6).toString('hex')}`;
  await onServer((admin) => admin.query(create(name)));
  const url = urlOf(name);
  const pool = createPool(url, { max: 20, applicationName: name });
  for (const tenant of tenants) await createTenant(pool, tenant);
  return {
    url,
    pool,
    async drop(): Promise<void> {
      await pool.end();
      await onServer((admin) => dropDatabase((statement) => admin.query(statement), name));
    },
  };
}

/** One template per state of the migrations, made by whoever comes first. */
async function ensureTemplate(): Promise<string> {
  const folder = migrationsFolder();
  const hash = createHash('sha256');
  for (const file of readdirSync(folder).sort()) hash.update(file).update(readFileSync(path.join(folder, file)));
  const template = `outbox_template_${hash.digest('hex').slice(0, 12)}`;
  await onServer(async (admin) => {
    await admin.query(`select pg_advisory_lock(${LOCK})`);
    const { rowCount } = await admin.query('select from pg_database where datname = $1', [template]);
    if (rowCount === 1) return;
    const draft = `${template}_draft`;
    await admin.query(`drop database if exists ${draft}`);
    await admin.query(`create database ${draft}`);
    await migrateInChild(urlOf(draft), 'up');
    await admin.query(`alter database ${draft} rename to ${template}`);
  });
  return template;
}

async function onServer<T>(run: (admin: Client) => Promise<T>): Promise<T> {
  const admin = new Client({ connectionString: testServers().databaseUrl });
  await admin.connect();
  try {
    return await run(admin);
  } finally {
    await admin.end();
  }
}

function urlOf(database: string): string {
  const url = new URL(testServers().databaseUrl);
  url.pathname = `/${database}`;
  return url.href;
}
