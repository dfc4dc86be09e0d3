import type { Pool } from 'pg';
import type { StatusAnswer } from '../domain/tenant-commands';
import { audited, entryOfCommand } from './audit';
import { query } from './query';
import { reactivateTenant, suspendTenant } from './tenants';
import type { StatusChange } from './tenants';

/** Who ends or allows a tenant's intake; `by` as the audit names them. */
export interface StatusOrder extends StatusChange {
  readonly tenant: string;
  /** Of a command to a workflow: the same id again changes nothing, and answers what it changed the first time. */
  readonly commandId?: string;
}

/** Suspends or re-activates a tenant, with the audit's entry in the same transaction. Null = there is no such tenant. */
export async function orderStatus(
  pool: Pool,
  order: StatusOrder,
  verb: 'suspend' | 'reactivate',
): Promise<StatusAnswer | null> {
  const { tenant, by, why, commandId } = order;
  const status = verb === 'suspend' ? 'suspended' : 'active';
  return audited(pool, async (client) => {
    const known = commandId === undefined ? null : await entryOfCommand(client, commandId);
    if (known !== null) {
      const { status: before } = known.before as Pick<StatusAnswer, 'status'>;
      return { result: { before, status }, entry: null };
    }
    const [row] = await query<Pick<StatusAnswer, 'status'>>(
      client,
      'select status from outbox.tenants where tenant_id = $1 for update',
      [tenant],
    );
    if (row === undefined) return { result: null, entry: null };
    await (verb === 'suspend' ? suspendTenant : reactivateTenant)(client, tenant, { by, why });
    const change = { before: { status: row.status }, after: { status } };
    return {
      result: { before: row.status, status },
      entry: { actor: by, action: `tenant.${verb}`, tenant, why, ...change, commandId },
    };
  });
}
