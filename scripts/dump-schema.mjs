// Writes the schema that the migrations make, as text, to test/schema.sql, or with --check fails when that file is stale.
//   DATABASE_URL=… node scripts/dump-schema.mjs [--check | --print]      (the database must be migrated)
// From the catalogs instead of pg_dump: the embedded server comes without one, and an older pg_dump refuses a newer server.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

const FILE = fileURLToPath(new URL('../test/schema.sql', import.meta.url));
const SCHEMA = `n.nspname = 'outbox'`;

const PARTS = {
  tables: `
    select format(E'create table outbox.%I (\\n%s\\n)%s;', c.relname, string_agg(format('  %I %s%s%s%s%s', a.attname,
        format_type(a.atttypid, a.atttypmod),
        case when a.attcollation <> t.typcollation then format(' collate %I', k.collname) else '' end,
        case when a.attnotnull then ' not null' else '' end,
        case when a.attidentity = 'a' then ' generated always as identity' else '' end,
        coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')), E',\\n' order by a.attnum),
      coalesce(E'\\nwith (' || array_to_string(c.reloptions, ', ') || ')', '')) as line
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    join pg_type t on t.oid = a.atttypid
    left join pg_collation k on k.oid = a.attcollation
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where ${SCHEMA} and c.relkind in ('r', 'p')
    group by c.oid, c.relname, c.reloptions order by c.relname`,
  // NOT NULL is part of the column above; Postgres 18 also lists it as a constraint.
  constraints: `
    select format('alter table outbox.%I add constraint %I %s;', c.relname, o.conname, pg_get_constraintdef(o.oid)) as line
    from pg_constraint o join pg_class c on c.oid = o.conrelid join pg_namespace n on n.oid = c.relnamespace
    where ${SCHEMA} and o.contype <> 'n' order by c.relname, o.conname`,
  indexes: `
    select pg_get_indexdef(i.indexrelid) || ';' as line
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
    where ${SCHEMA} order by c.relname`,
  functions: `
    select pg_get_functiondef(p.oid) || ';' as line from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where ${SCHEMA} order by p.proname, pg_get_function_identity_arguments(p.oid)`,
  triggers: `
    select pg_get_triggerdef(t.oid) || ';' as line
    from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
    where ${SCHEMA} and not t.tgisinternal order by t.tgname`,
  comments: `
    select format('comment on column outbox.%I.%I is %L;', c.relname, a.attname, d.description) as line
    from pg_description d join pg_class c on c.oid = d.objoid and d.classoid = 'pg_class'::regclass
    join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum = d.objsubid
    where ${SCHEMA} order by c.relname, a.attnum`,
};

const [mode] = process.argv.slice(2);
const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
await client.connect();
// Names come out qualified whatever the role's search_path is: a role called outbox would find the schema by its own name.
await client.query('set search_path = pg_catalog');
let text = '-- Made by scripts/dump-schema.mjs from a migrated database. Do not edit.\n';
for (const [part, sql] of Object.entries(PARTS)) {
  const { rows } = await client.query(sql);
  text += `\n-- ${part}\n${rows.map((row) => row.line).join('\n')}\n`;
}
await client.end();

if (mode === '--print') {
  process.stdout.write(text);
} else if (mode === '--check') {
  if (readFileSync(FILE, 'utf8') !== text) {
    console.error('test/schema.sql is stale. Run: node scripts/dump-schema.mjs on a freshly migrated database.');
    process.exitCode = 1;
  }
} else {
  writeFileSync(FILE, text);
}
