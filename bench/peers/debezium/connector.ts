import type { BenchServers } from '../../harness/servers';

export const SCHEMA = `
create schema if not exists debezium;
create table if not exists debezium.outbox (
  id uuid primary key, aggregatetype varchar(255) not null, aggregateid varchar(255) not null,
  type varchar(255) not null, tenant varchar(255) not null, created_at timestamptz not null default now(), payload json);`;

/** What the tuned one is told beyond the defaults. */
export const TUNED = {
  'poll.interval.ms': '5',
  'max.batch.size': '8192',
  'max.queue.size': '32768',
} as const;

/**
 * The connector as Debezium's documentation of the outbox event router sets it up, with exactly-once required. `id`: for
 * names on the servers, [a-z0-9_]. The payload column is `json` and not `jsonb` so that all peers send the same bytes.
 */
export function connectorConfig(
  servers: BenchServers,
  id: string,
  more: Readonly<Record<string, string>>,
): Record<string, string> {
  const url = new URL(servers.databaseUrl);
  return {
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'tasks.max': '1',
    'exactly.once.support': 'required',
    'database.hostname': url.hostname,
    'database.port': url.port === '' ? '5432' : url.port,
    'database.user': decodeURIComponent(url.username),
    'database.password': decodeURIComponent(url.password),
    'database.dbname': url.pathname.slice(1),
    'topic.prefix': id,
    'plugin.name': 'pgoutput',
    'slot.name': id,
    'publication.name': id,
    // The default, all tables, wants a superuser.
    'publication.autocreate.mode': 'filtered',
    'table.include.list': 'debezium.outbox',
    transforms: 'outbox',
    'transforms.outbox.type': 'io.debezium.transforms.outbox.EventRouter',
    'transforms.outbox.route.topic.replacement': '${routedByValue}',
    'transforms.outbox.table.fields.additional.placement':
      'type:header:event-type,tenant:header:tenant-id,created_at:header:event-created-at',
    ...more,
  };
}
