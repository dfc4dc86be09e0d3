import type { Client } from 'pg';
import { superuserUrl, withClient } from './standby';

/** What a dump of the outbox's schema holds: rows as JSON by table, and where its sequences stand. */
export interface Dump {
  readonly tables: readonly { readonly name: string; readonly rows: string }[];
  readonly sequences: readonly { readonly name: string; readonly last: string; readonly called: boolean }[];
}

/** As pg_dump reads, in one snapshot; the embedded server comes without it, and others refuse a newer server. */
export async function takeDump(databaseUrl: string): Promise<Dump> {
  return withClient(databaseUrl, async (client) => {
    await client.query('begin isolation level repeatable read read only');
    const tables = [];
    for (const name of await namesOf(client, 'r')) {
      const { rows } = await client.query<{ rows: string }>(
        `select coalesce(jsonb_agg(to_jsonb(t)), '[]')::text as rows from outbox.${name} t`,
      );
      tables.push({ name, rows: rows[0]?.rows ?? '[]' });
    }
    const sequences = [];
    for (const name of await namesOf(client, 'S')) {
      const { rows } = await client.query<{ last: string; called: boolean }>(
        `select last_value::text as last, is_called as called from outbox.${name}`,
      );
      sequences.push({ name, last: rows[0]?.last ?? '1', called: rows[0]?.called ?? false });
    }
    await client.query('commit');
    return { tables, sequences };
  });
}

/**
 * Makes the database of this URL in its cluster, with the schema, which `migrateUp` makes there, and the dump's rows, as pg_restore does: no
 * trigger fires.
 */
export async function restoreDump(
  databaseUrl: string,
  dump: Dump,
  migrateUp: (url: string) => Promise<unknown>,
): Promise<void> {
  const url = new URL(databaseUrl);
  await withClient(superuserUrl(databaseUrl), (client) =>
    client.query(`create database ${url.pathname.slice(1)} owner ${url.username}`),
  );
  await migrateUp(databaseUrl);
  const superuser = new URL(superuserUrl(databaseUrl));
  superuser.pathname = url.pathname;
  await withClient(superuser.href, async (client) => {
    await client.query('begin');
    await client.query('set local session_replication_role = replica');
    await client.query(`truncate ${dump.tables.map(({ name }) => `outbox.${name}`).join(', ')}`);
    for (const { name, rows } of dump.tables) {
      const columns = await columnsOf(client, name);
      await client.query(
        `insert into outbox.${name} (${columns}) overriding system value
         select ${columns} from jsonb_populate_recordset(null::outbox.${name}, $1::jsonb)`,
        [rows],
      );
    }
    for (const { name, last, called } of dump.sequences) {
      await client.query(`select setval('outbox.${name}', $1, $2)`, [last, called]);
    }
    await client.query('commit');
  });
}

async function namesOf(client: Client, kind: 'r' | 'S'): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select quote_ident(relname) as name from pg_class where relnamespace = 'outbox'::regnamespace and relkind = $1 order by relname`,
    [kind],
  );
  return rows.map(({ name }) => name);
}

/** Those that may be written. */
async function columnsOf(client: Client, table: string): Promise<string> {
  const { rows } = await client.query<{ columns: string }>(
    `select string_agg(quote_ident(attname), ', ' order by attnum) as columns from pg_attribute
     where attrelid = ('outbox.' || $1)::regclass and attnum > 0 and not attisdropped and attgenerated = ''`,
    [table],
  );
  return rows[0]?.columns ?? '';
}
