import { z } from 'zod';
import type { PublisherState } from '../../domain/publisher-state';
import { defaultConfig, mergeConfig } from '../../domain/publisher-state';
import { listPublishers } from '../../postgres/publisher-list';
import type { ListedPublisher } from '../../postgres/publisher-list';
import type { AdminContext } from './context';
import { command, existingTenant, publisherOf, publisherState } from './context';
import { nextCursor, page, tenantParams, why } from './contract';
import { decodeCursor, encodeCursor } from './cursor';
import { refContract } from './publishers';
import { route } from './route';
import type { AdminRoute } from './route';

const quotaBody = z.strictObject({
  tenant_id: z.string(),
  rate_per_second: z.number().nullable().meta({ description: 'events per second; null = unlimited, 0 = stopped' }),
  burst: z.number(),
  tokens: z
    .number()
    .nullable()
    .meta({ description: 'events that may go now; null in lists, which do not ask workflows' }),
});
const limits = z.strictObject({ rate_per_second: z.number().nullable(), burst: z.number() });
const rate = z.number().min(0).max(10_000_000).nullable();
const adjustBody = z
  .strictObject({
    rate_per_second: rate.optional(),
    new_limit: rate.optional().meta({ description: "the roadmap's word for rate_per_second" }),
    burst: z.int().min(1).max(10_000_000).optional(),
    why,
  })
  .refine((body) => [body.rate_per_second, body.new_limit, body.burst].some((value) => value !== undefined), {
    message: 'must have rate_per_second, burst or both',
  })
  .refine((body) => body.rate_per_second === undefined || body.new_limit === undefined, {
    message: 'must have one of rate_per_second and new_limit, not both',
  });

/** How fast a tenant's events are published: a token bucket in its workflow, so one for all workers. */
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
      summary: "The tenant's quota with the live number of tokens",
      scope: 'read',
      reach: 'tenant',
      params: tenantParams,
      answer: quotaBody,
      async handle({ params }) {
        await existingTenant(context, params.tenant);
        const { state } = await publisherState(context, publisherOf(params.tenant));
        return { tenant_id: params.tenant, ...limitsOf(state), tokens: Math.floor(state.quota.tokens) };
      },
    }),
    route({
      id: 'adjustQuota',
      method: 'post',
      path: '/admin/quotas/{tenant}/adjust',
      summary: "Change the tenant's quota; what is left out stays",
      scope: 'operate',
      reach: 'tenant',
      params: tenantParams,
      body: adjustBody,
      answer: z.strictObject({ tenant_id: z.string(), old: limits, new: limits, adjusted: z.literal(true) }),
      async handle({ params, body, caller }) {
        const newRate = body.rate_per_second === undefined ? body.new_limit : body.rate_per_second;
        const { before, after } = await command(context, {
          tenant: params.tenant,
          by: caller.by,
          why: body.why,
          action: 'quota.adjust',
          update: 'configure',
          args: {
            quota: {
              ...(newRate === undefined ? {} : { ratePerSecond: newRate }),
              ...(body.burst === undefined ? {} : { burst: body.burst }),
            },
          },
          part: limitsOf,
        });
        return { tenant_id: params.tenant, old: limitsOf(before), new: limitsOf(after), adjusted: true as const };
      },
    }),
  ];
}

function limitsOf({ config }: PublisherState): z.input<typeof limits> {
  return { rate_per_second: config.quota.ratePerSecond, burst: config.quota.burst };
}

/** What the row remembers under the deployment's defaults: a list of 500 tenants asks no workflow. */
function savedQuota(row: ListedPublisher, context: AdminContext): z.input<typeof quotaBody> {
  const { quota } = mergeConfig(defaultConfig(context.breaker), row.limits);
  return { tenant_id: row.tenant, rate_per_second: quota.ratePerSecond, burst: quota.burst, tokens: null };
}
