import { z } from 'zod';
import { errorMessage, isOutboxError } from '../../domain/errors';
import { publisherId } from '../../domain/publisher';
import { replayWorkflowId } from '../../domain/replay';
import { revokeAdminKeysOf } from '../../postgres/admin-keys';
import { audited } from '../../postgres/audit';
import { deleteTenant } from '../../postgres/tenant-deletion';
import type { TenantWorkflows } from '../../postgres/tenant-removal';
import { orderStatus } from '../../postgres/tenant-orders';
import { HttpProblem } from '../http/problem';
import type { AdminContext } from './context';
import { auditAfterwards, existingTenant } from './context';
import { flagParam, tenantParams, whyBody } from './contract';
import { route } from './route';
import type { AdminRoute } from './route';

const statusBody = z.strictObject({ tenant_id: z.string(), status: z.enum(['active', 'suspended']) });

/** What Temporal shows of a workflow that was terminated. */
const REASON = 'the tenant was deleted';

/** Whether a tenant may send, and its end. */
export function tenantStatusRoutes(context: AdminContext): AdminRoute[] {
  return [
    statusRoute(context, 'suspend', 'Refuse new events of this tenant; what is accepted is published on'),
    statusRoute(context, 'reactivate', 'Accept events of this tenant again'),
    route({
      id: 'deleteTenant',
      method: 'delete',
      path: '/admin/tenants/{tenant}',
      summary: 'Delete a tenant with its events and keys; refused while anything is unpublished, unless forced',
      scope: 'admin',
      reach: 'tenant',
      params: tenantParams,
      query: z.strictObject({ force: flagParam.optional().meta({ description: 'skip what is unpublished' }) }),
      body: whyBody,
      answer: z.strictObject({
        tenant_id: z.string(),
        deleted: z.literal(true),
        skipped: z.number(),
        removed: z.number(),
      }),
      async handle({ params, query, body, caller }) {
        const { tenant } = params;
        const force = query.force === true;
        const { status, settings } = await existingTenant(context, tenant);
        const before = { status, settings };
        const entry = { actor: caller.by, action: 'tenant.delete', tenant, why: body.why, before };
        let ended: readonly string[] = [];
        const endWorkflows = async ({ publishers, replays }: TenantWorkflows): Promise<void> => {
          ended = [...publishers.map(publisherId), ...replays.map((id) => replayWorkflowId(tenant, id))];
          try {
            await context.publishers.end(ended, REASON);
          } catch (error) {
            // The tenant is suspended and its events are gone already, which are changes too.
            await auditAfterwards(context, { ...entry, after: { deleted: false, reason: 'workflows_run' } });
            throw error;
          }
        };
        const done = await deleteTenant(context.pool, tenant, { by: caller.by, why: body.why, force, endWorkflows });
        if (done.kind === 'unknown') throw noTenant(tenant);
        if (done.kind === 'refused') {
          // It may have ended the intake already, which is a change too.
          await auditAfterwards(context, {
            ...entry,
            after: { deleted: false, reason: done.reason, count: done.count },
          });
          throw new HttpProblem('conflict', done.detail);
        }
        const { skipped, removed } = done;
        await endOnceMore(context, tenant, ended);
        await audited(context.pool, async (client) => {
          const admin_keys = await revokeAdminKeysOf(client, tenant);
          return { result: null, entry: { ...entry, after: { deleted: true, force, skipped, removed, admin_keys } } };
        });
        return { tenant_id: tenant, deleted: true as const, skipped, removed };
      },
    }),
  ];
}

function statusRoute(context: AdminContext, verb: 'suspend' | 'reactivate', summary: string): AdminRoute {
  return route({
    id: `${verb}Tenant`,
    method: 'post',
    path: `/admin/tenants/{tenant}/${verb}`,
    summary,
    scope: 'operate',
    reach: 'tenant',
    params: tenantParams,
    body: whyBody,
    answer: statusBody,
    async handle({ params, body, caller }) {
      const { tenant } = params;
      const order = { tenant, by: caller.by, why: body.why };
      const changed = await orderStatus(context.pool, order, verb);
      if (changed === null) throw noTenant(tenant);
      return { tenant_id: tenant, status: changed.status };
    },
  });
}

/**
 * A wake or an order that was on its way while the first were terminated has started one again, which may have read the row as it
 * was. Rare and idle, so that this may fail.
 */
async function endOnceMore(context: AdminContext, tenant: string, ids: readonly string[]): Promise<void> {
  try {
    await context.publishers.end(ids, REASON);
  } catch (error) {
    const code = isOutboxError(error) ? error.code : 'INTERNAL';
    context.logger.warn(
      { tenant, code },
      `a workflow of a deleted tenant may have been started meanwhile: terminate ${ids.join(', ')} (${errorMessage(error)})`,
    );
  }
}

function noTenant(tenant: string): HttpProblem {
  return new HttpProblem('not_found', `There is no tenant ${tenant}. Check its name.`);
}
