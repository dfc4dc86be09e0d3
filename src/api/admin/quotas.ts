import { z } from 'zod';
import { audited } from '../../postgres/audit';
import { setIngestLimits } from '../../postgres/ingest-limits';
import type { IngestLimits } from '../../postgres/ingest-limits';
import { listPublishers } from '../../postgres/publisher-list';
import type { AdminContext } from './context';
import { command, existingTenant, publisherOf, publisherState } from './context';
import { nextCursor, page, tenantParams, whyBody } from './contract';
import { decodeCursor, encodeCursor } from './cursor';
import { refContract } from './publishers';
import {
  adjustBody,
  ingestLimits,
  limitsBody,
  liveQuota,
  quotaBody,
  quotaChange,
  savedQuota,
  toIngest,
  toLimits,
} from './quota-body';
import { route } from './route';
import type { AdminRoute } from './route';

/** How fast a tenant's events are published (a token bucket in its workflow, one for all workers) and accepted over HTTP. */
export function quotaRoutes(context: AdminContext): AdminRoute[] {
  return [
    route({
      id: 'listQuotas',
      method: 'get',
      path: '/admin/quotas',
      summary: 'Quotas as set, by tenant',
      scope: 'read',
      reach: 'own',
      query: z.strictObject({
        tenant_filter: z.string().min(1).max(100).optional().meta({ description: "part of the tenant's name" }),
        ...page,
      }),
      answer: z.strictObject({ quotas: z.array(quotaBody), next: nextCursor }),
      async handle({ query, tenant }) {
        const limit = query.limit ?? 50;
        const position = decodeCursor(refContract, query.cursor);
        const rows = await listPublishers(context.pool, {
          tenant,
          tenantFilter: query.tenant_filter ?? null,
          state: null,
          after: position === null ? null : { tenant: position[0], destination: position[1], shard: position[2] },
          limit,
        });
        const last = rows.length < limit ? undefined : rows.at(-1);
        return {
          quotas: rows.map((row) => savedQuota(row, context)),
          next: last === undefined ? null : encodeCursor([last.tenant, last.destination, last.shard]),
        };
      },
    }),
    route({
      id: 'getQuota',
      method: 'get',
      path: '/admin/quotas/{tenant}',
      summary: "The tenant's quota with the live numbers of its workflow",
      scope: 'read',
      reach: 'tenant',
      params: tenantParams,
      answer: quotaBody,
      async handle({ params }) {
        const { settings } = await existingTenant(context, params.tenant);
        const { state } = await publisherState(context, publisherOf(params.tenant));
        return liveQuota(state, toIngest(settings['ingest'], context));
      },
    }),
    ...changeRoutes(context),
  ];
}

function changeRoutes(context: AdminContext): AdminRoute[] {
  return [
    route({
      id: 'adjustQuota',
      method: 'post',
      path: '/admin/quotas/{tenant}/adjust',
      summary: "Change the tenant's limits of publishing and of intake; what is left out stays",
      scope: 'operate',
      reach: 'tenant',
      params: tenantParams,
      body: adjustBody,
      answer: z.strictObject({ tenant_id: z.string(), old: limitsBody, new: limitsBody, adjusted: z.literal(true) }),
      async handle({ params, body, caller }) {
        const { tenant } = params;
        const ordered = { tenant, by: caller.by, why: body.why };
        // The workflow first: while Temporal is down nothing is changed, rather than half of it.
        const quota = quotaChange(body);
        const published = await changedQuota(context, ordered, quota);
        const accepted = await changedIngest(context, ordered, body.ingest && ingestLimits(body.ingest));
        return {
          tenant_id: tenant,
          old: { ...published.old, ingest: accepted.old },
          new: { ...published.new, ingest: accepted.new },
          adjusted: true as const,
        };
      },
    }),
    route({
      id: 'resetQuota',
      method: 'post',
      path: '/admin/quotas/{tenant}/reset',
      summary: "Back to the deployment's limits of publishing and intake, with a full bucket",
      scope: 'operate',
      reach: 'tenant',
      params: tenantParams,
      body: whyBody,
      answer: z.strictObject({ tenant_id: z.string(), new: limitsBody, reset: z.literal(true) }),
      async handle({ params, body, caller }) {
        const { tenant } = params;
        const ordered = { tenant, by: caller.by, why: body.why };
        const published = await changedQuota(context, ordered, null);
        const accepted = await changedIngest(context, ordered, null);
        return { tenant_id: tenant, new: { ...published.new, ingest: accepted.new }, reset: true as const };
      },
    }),
  ];
}

interface Ordered {
  readonly tenant: string;
  readonly by: string;
  readonly why: string;
}
type Limits = ReturnType<typeof toLimits>;
type Ingest = ReturnType<typeof toIngest>;

/** null = back to the defaults, undefined = as it is. */
async function changedQuota(
  context: AdminContext,
  ordered: Ordered,
  quota: ReturnType<typeof quotaChange> | null,
): Promise<{ old: Limits; new: Limits }> {
  if (quota === undefined) {
    await existingTenant(context, ordered.tenant);
    const limits = toLimits((await publisherState(context, publisherOf(ordered.tenant))).state.config.quota);
    return { old: limits, new: limits };
  }
  const { before, after } = await command(context, {
    ...ordered,
    action: quota === null ? 'quota.reset' : 'quota.adjust',
    update: 'configure',
    args: { quota },
    part: ({ config }) => toLimits(config.quota),
  });
  return { old: toLimits(before.config.quota), new: toLimits(after.config.quota) };
}

async function changedIngest(
  context: AdminContext,
  ordered: Ordered,
  limits: Partial<IngestLimits> | null | undefined,
): Promise<{ old: Ingest; new: Ingest }> {
  const { tenant, by: actor, why } = ordered;
  const old = toIngest((await existingTenant(context, tenant)).settings['ingest'], context);
  if (limits === undefined) return { old, new: old };
  return audited(context.pool, async (client) => {
    const after = toIngest(await setIngestLimits(client, tenant, limits), context);
    const entry = {
      actor,
      action: limits === null ? 'ingest.reset' : 'ingest.adjust',
      tenant,
      why,
      before: old,
      after,
    };
    return { result: { old, new: after }, entry };
  });
}
