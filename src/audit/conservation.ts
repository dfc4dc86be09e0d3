import { Client } from 'pg';
import { errorMessage, OutboxError } from '../domain/errors';
import type { EventStatus } from '../domain/event';
import { replayName } from './checks';
import type { AcknowledgedIndex, Expected } from './acknowledged';
import type { TenantBalance } from './report';

/**
 * The outbox's own account of the audited tenants. Plain queries of its own: an auditor that asked through the product's
 * query code would believe that code's mistakes.
 */
export interface Conservation {
  readonly balances: readonly TenantBalance[];
  /** Status in the outbox of each of the given events, by event id; absent = the outbox does not hold it. */
  readonly statuses: ReadonlyMap<string, EventStatus>;
  /** Copies that the outbox says are published, by `replayName`. */
  readonly replays: ReadonlyMap<string, number>;
}

interface StatusCount {
  readonly tenant_id: string;
  readonly status: EventStatus | 'purged';
  readonly events: string;
}

/** Rejects with POSTGRES_UNAVAILABLE. `unseen` = the events whose status is wanted. */
export async function readConservation(
  database: { readonly databaseUrl?: string; readonly databaseSslCa?: string },
  expected: AcknowledgedIndex,
  unseen: readonly Expected[],
): Promise<Conservation> {
  const client = new Client({
    connectionString: database.databaseUrl,
    ...(database.databaseSslCa !== undefined && { ssl: { ca: database.databaseSslCa } }),
    connectionTimeoutMillis: 5_000,
    application_name: 'outboxctl-audit',
  });
  // pg emits 'error' besides rejecting when the server goes away; unhandled it would end the process without a report.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('begin isolation level repeatable read read only');
    const tenants = [...expected.tenants];
    const counts = await client.query<StatusCount>(
      `select tenant_id, status::text as status, count(*)::text as events
         from outbox.events where tenant_id = any($1) group by 1, 2
       union all
       select tenant_id, 'purged', (published + skipped)::text from outbox.purged where tenant_id = any($1)`,
      [tenants],
    );
    const statuses = await client.query<{ event_id: string; status: EventStatus }>(
      `select e.event_id::text as event_id, e.status::text as status
         from unnest($1::text[], $2::bigint[]) as wanted(tenant_id, event_id)
         join outbox.events e on e.tenant_id = wanted.tenant_id and e.event_id = wanted.event_id`,
      [unseen.map(({ tenant }) => tenant), unseen.map(({ id }) => id)],
    );
    const replays = await client.query<{ tenant_id: string; replay_id: string; copies: string }>(
      `select tenant_id, replay_id, count(*) filter (where status = 'published')::text as copies
         from outbox.replay_events where tenant_id = any($1) group by 1, 2`,
      [tenants],
    );
    await client.query('commit');
    return {
      balances: balance(expected, counts.rows),
      replays: new Map(replays.rows.map((row) => [replayName(row.tenant_id, row.replay_id), Number(row.copies)])),
      statuses: new Map(statuses.rows.map((row) => [row.event_id, row.status])),
    };
  } catch (error) {
    throw new OutboxError(
      'POSTGRES_UNAVAILABLE',
      `The outbox cannot be counted: ${errorMessage(error)}. Check DATABASE_URL, or leave it out to audit Kafka alone.`,
      { cause: error },
    );
  } finally {
    await client.end();
  }
}

function balance(expected: AcknowledgedIndex, rows: readonly StatusCount[]): TenantBalance[] {
  return [...expected.countByTenant()].map(([tenant, { accepted, maybe }]) => {
    const count = (status: StatusCount['status']): number =>
      Number(rows.find((row) => row.tenant_id === tenant && row.status === status)?.events ?? 0);
    const held = {
      pending: count('pending'),
      published: count('published'),
      failed: count('failed'),
      skipped: count('skipped'),
      purged: count('purged'),
    };
    const total = Object.values(held).reduce((sum, events) => sum + events, 0);
    return { tenant, accepted, maybe, ...held, balanced: total >= accepted && total <= accepted + maybe };
  });
}
