import { OutboxError } from '../domain/errors';
import { KAFKA_DESTINATION } from '../domain/publisher';
import type { Db } from './query';
import { query } from './query';

export interface Tenant {
  readonly tenant: string;
  readonly status: 'active' | 'suspended';
  readonly settings: Readonly<Record<string, unknown>>;
  readonly createdAt: Date;
}

const COLUMNS = 'tenant_id as tenant, status, settings, created_at as "createdAt"';

/** Creates a tenant and the row of its Kafka publisher. False if it exists already. The name must match TENANT_PATTERN. */
export async function createTenant(db: Db, tenant: string): Promise<boolean> {
  const rows = await query(
    db,
    `with made as (insert into outbox.tenants (tenant_id) values ($1) on conflict do nothing returning tenant_id),
     publisher as (
       insert into outbox.publishers (tenant_id, destination, shard) select tenant_id, $2, 0 from made on conflict do nothing)
     select 1 from made`,
    [tenant, KAFKA_DESTINATION],
  );
  return rows.length > 0;
}

export async function getTenant(db: Db, tenant: string): Promise<Tenant | null> {
  const rows = await query<Tenant & Record<string, unknown>>(
    db,
    `select ${COLUMNS} from outbox.tenants where tenant_id = $1`,
    [tenant],
  );
  return rows[0] ?? null;
}

/** By name, from after `after` on: page with the last name of the page before. */
export async function listTenants(db: Db, options: { after?: string; limit?: number } = {}): Promise<Tenant[]> {
  return query<Tenant & Record<string, unknown>>(
    db,
    `select ${COLUMNS} from outbox.tenants where tenant_id > $1 order by tenant_id limit $2`,
    [options.after ?? '', options.limit ?? 1_000],
  );
}

/** Suspending stops intake, not publishing. False if there is no such tenant. */
export async function setTenantStatus(db: Db, tenant: string, status: Tenant['status']): Promise<boolean> {
  const rows = await query(db, 'update outbox.tenants set status = $2 where tenant_id = $1 returning 1', [
    tenant,
    status,
  ]);
  return rows.length > 0;
}

/** Who changes a tenant's status, and why. */
export interface StatusChange {
  readonly by: string;
  readonly why: string;
}

/** Ends intake: HTTP answers 403 within seconds, SQL raises OB003 at once. What is accepted is published on. False if unknown. */
export async function suspendTenant(db: Db, tenant: string, change: StatusChange): Promise<boolean> {
  return changeStatus(db, tenant, 'suspended', change);
}

export async function reactivateTenant(db: Db, tenant: string, change: StatusChange): Promise<boolean> {
  return changeStatus(db, tenant, 'active', change);
}

async function changeStatus(db: Db, tenant: string, status: Tenant['status'], change: StatusChange): Promise<boolean> {
  const rows = await query(
    db,
    `update outbox.tenants set status = $2, status_by = $3, status_why = $4, status_at = clock_timestamp()
     where tenant_id = $1 returning 1`,
    [tenant, status, change.by, change.why],
  );
  return rows.length > 0;
}

/** How long the tenant's published and skipped events are kept, such as '30d'; null = as the deployment says. Answers what it was. */
export async function setRetention(db: Db, tenant: string, retention: string | null): Promise<unknown> {
  const rows = await query<{ before: unknown }>(
    db,
    `update outbox.tenants t set settings = case when $2::text is null then t.settings - 'retention'
       else t.settings || jsonb_build_object('retention', $2::text) end
     from (select tenant_id, settings -> 'retention' as before from outbox.tenants where tenant_id = $1 for update) o
     where t.tenant_id = o.tenant_id returning o.before`,
    [tenant, retention],
  );
  return rows[0]?.before ?? null;
}

/** The id that the first migration minted: part of every transactional id and ledger. */
export async function readInstallId(db: Db): Promise<string> {
  const rows = await query<{ id: string }>(db, 'select install_id as id from outbox.installation');
  const id = rows[0]?.id;
  if (id === undefined) {
    throw new OutboxError(
      'SCHEMA_MISMATCH',
      'outbox.installation is empty. Restore its row from a backup of this database.',
    );
  }
  return id;
}
