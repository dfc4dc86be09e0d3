import type { Pool } from 'pg';
import { audited } from './audit';
import { query } from './query';
import { reactivateTenant, suspendTenant } from './tenants';
import type { StatusChange } from './tenants';

type TenantStatus = 'active' | 'suspended';

/** Who ends or allows a tenant's intake; `by` as the audit names them. */
export interface StatusOrder extends StatusChange {
  readonly tenant: string;
}

/** Suspends or re-activates a tenant, with the audit's entry in the same transaction. Null = there is no such tenant. */
export async function orderStatus(
  pool: Pool,
  order: StatusOrder,
  verb: 'suspend' | 'reactivate',
): Promise<{ readonly before: TenantStatus; readonly status: TenantStatus } | null> {
  const { tenant, by, why } = order;
  const status = verb === 'suspend' ? 'suspended' : 'active';
  return audited(pool, async (client) => {
    const [row] = await query<{ status: TenantStatus }>(
      client,
      'select status from outbox.tenants where tenant_id = $1 for update',
      [tenant],
    );
    if (row === undefined) return { result: null, entry: null };
    await (verb === 'suspend' ? suspendTenant : reactivateTenant)(client, tenant, { by, why });
    const change = { before: { status: row.status }, after: { status } };
    return {
      result: { before: row.status, status },
      entry: { actor: by, action: `tenant.${verb}`, tenant, why, ...change },
    };
  });
}
