import { z } from 'zod';
import { isoOf } from '../../domain/iso';
import { lastMinute } from '../../domain/quota-usage';
import type { PublisherState } from '../../domain/publisher-state';
import { defaultConfig, mergeConfig } from '../../domain/publisher-state';
import type { QuotaConfig } from '../../domain/quota';
import type { IngestLimits } from '../../postgres/ingest-limits';
import type { ListedPublisher } from '../../postgres/publisher-list';
import type { AdminContext } from './context';
import { moment, why } from './contract';

/** What of the quota an operator sets. */
const publishing = {
  rate_per_second: z
    .number()
    .nullable()
    .meta({ description: 'published events per second; null = unlimited, 0 = stopped' }),
  burst: z.number(),
  bytes_per_second: z.number().nullable(),
  byte_burst: z.number(),
};
export const ingestBody = z.strictObject({
  rate_per_second: z
    .number()
    .nullable()
    .meta({ description: 'events accepted per second over HTTP; null = unlimited' }),
  burst: z.number(),
  max_pending: z.number().nullable().meta({ description: 'pending events above which nothing is accepted over HTTP' }),
});
export const limitsBody = z.strictObject({ ...publishing, ingest: ingestBody });
export const quotaBody = limitsBody.extend({
  tenant_id: z.string(),
  tokens: z.number().nullable().meta({ description: 'events that may go now; null in lists, which ask no workflow' }),
  usage: z
    .strictObject({
      granted_last_minute: z.number(),
      bytes_last_minute: z.number(),
      denials: z.number().meta({ description: 'how often the publisher had to wait for tokens' }),
      throttled_since: moment,
    })
    .nullable()
    .meta({ description: 'null in lists' }),
});

const rate = z.number().min(0).max(10_000_000).nullable().optional();
const burst = z.int().min(1).max(10_000_000).optional();
const bytes = z.number().max(10_000_000_000);
const ingestChange = z
  .strictObject({ rate_per_second: rate, burst, max_pending: z.int().min(1).max(1_000_000_000).nullable().optional() })
  .refine((change) => Object.values(change).some((value) => value !== undefined), { message: 'must name a limit' });

export const adjustBody = z
  .strictObject({
    rate_per_second: rate,
    new_limit: rate.meta({ description: "the roadmap's word for rate_per_second" }),
    burst,
    bytes_per_second: bytes.min(0).nullable().optional(),
    byte_burst: bytes.min(1).optional(),
    ingest: ingestChange.optional(),
    why,
  })
  .refine((body) => Object.entries(body).some(([name, value]) => name !== 'why' && value !== undefined), {
    message: 'must name at least one limit',
  })
  .refine((body) => body.rate_per_second === undefined || body.new_limit === undefined, {
    message: 'must have one of rate_per_second and new_limit, not both',
  });

/** The change in the publisher's words; undefined if the body names nothing of it. */
export function quotaChange(body: z.output<typeof adjustBody>): Partial<QuotaConfig> | undefined {
  const ratePerSecond = body.rate_per_second === undefined ? body.new_limit : body.rate_per_second;
  const change: Partial<QuotaConfig> = {
    ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
    ...(body.burst === undefined ? {} : { burst: body.burst }),
    ...(body.bytes_per_second === undefined ? {} : { bytesPerSecond: body.bytes_per_second }),
    ...(body.byte_burst === undefined ? {} : { byteBurst: body.byte_burst }),
  };
  return Object.keys(change).length === 0 ? undefined : change;
}

export function ingestLimits(body: z.output<typeof ingestChange>): Partial<IngestLimits> {
  return {
    ...(body.rate_per_second === undefined ? {} : { ratePerSecond: body.rate_per_second }),
    ...(body.burst === undefined ? {} : { burst: body.burst }),
    ...(body.max_pending === undefined ? {} : { maxPending: body.max_pending }),
  };
}

export function toLimits(quota: QuotaConfig): Omit<z.input<typeof limitsBody>, 'ingest'> {
  return {
    rate_per_second: quota.ratePerSecond,
    burst: quota.burst,
    bytes_per_second: quota.bytesPerSecond,
    byte_burst: quota.byteBurst,
  };
}

/** The tenant's own limits of intake over the deployment's. */
export function toIngest(own: unknown, { ingest }: AdminContext): z.input<typeof ingestBody> {
  const limits = { ...ingest, ...(own as Partial<IngestLimits> | undefined) };
  return { rate_per_second: limits.ratePerSecond, burst: limits.burst, max_pending: limits.maxPending };
}

export function liveQuota(state: PublisherState, ingest: z.input<typeof ingestBody>): z.input<typeof quotaBody> {
  const { usage, config, quota } = state;
  const { events, bytes: sent } = lastMinute(usage, Date.now());
  return {
    tenant_id: state.tenant,
    ...toLimits(config.quota),
    tokens: Math.floor(quota.tokens),
    usage: {
      granted_last_minute: events,
      bytes_last_minute: sent,
      denials: usage.denials,
      throttled_since: isoOf(usage.throttledSince),
    },
    ingest,
  };
}

/** What the row remembers under the deployment's defaults: a list of 500 tenants asks no workflow. */
export function savedQuota(row: ListedPublisher, context: AdminContext): z.input<typeof quotaBody> {
  const { quota } = mergeConfig(defaultConfig(context.breaker, context.quota), row.limits);
  const ingest = toIngest(row.settings?.['ingest'], context);
  return { tenant_id: row.tenant, ...toLimits(quota), tokens: null, usage: null, ingest };
}
