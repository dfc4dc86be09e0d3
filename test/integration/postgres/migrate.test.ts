import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { checkSchema, migrationStatus } from '../../../src/postgres/migrate';
import { readInstallId } from '../../../src/postgres/tenants';
import { createEmptyDatabase, createTestDatabase, migrateInChild } from '../../support/database';
import type { TestDatabase } from '../../support/database';

describe('migrations', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createEmptyDatabase();
  });
  afterEach(() => database.drop());

  it('20 concurrent migrate up succeed, and mint one install id', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, () => migrateInChild(database.url, 'up')));
    for (const status of results) expect(status.missing).toEqual([]);
    expect((await migrationStatus(database.pool)).applied).toEqual(results[0]?.applied);
    expect(await readInstallId(database.pool)).toMatch(/^[0-9a-z]{12}$/);
  });

  it('go forward, all the way back, and forward again', async () => {
    const { applied } = await migrateInChild(database.url, 'up');
    expect((await migrateInChild(database.url, 'down', applied.length)).applied).toEqual([]);
    const left = await database.pool.query(
      `select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = 'outbox' and c.relname not like 'migrations%'
       union all select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = 'outbox'`,
    );
    expect(left.rows).toEqual([]);
    expect((await migrateInChild(database.url, 'up')).applied).toEqual(applied);
  });

  it('the app only checks, and says what to run', async () => {
    await expect(checkSchema(database.pool)).rejects.toMatchObject({
      code: 'SCHEMA_MISMATCH',
      message: expect.stringContaining('migrate up') as string,
    });
    await migrateInChild(database.url, 'up');
    await checkSchema(database.pool);
    await database.pool.query(`insert into outbox.migrations (name, run_on) values ('9999-future', now())`);
    await expect(checkSchema(database.pool)).rejects.toMatchObject({
      code: 'SCHEMA_MISMATCH',
      message: expect.stringContaining('9999-future') as string,
    });
  });
});

it('test/schema.sql is what the migrations make', async () => {
  const database = await createTestDatabase();
  try {
    const script = path.join(__dirname, '../../../scripts/dump-schema.mjs');
    const { stdout } = await promisify(execFile)(process.execPath, [script, '--print'], {
      env: { ...process.env, DATABASE_URL: database.url },
    });
    expect(stdout).toBe(readFileSync(path.join(__dirname, '../../schema.sql'), 'utf8'));
  } finally {
    await database.drop();
  }
});
