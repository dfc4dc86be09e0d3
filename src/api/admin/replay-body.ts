import { z } from 'zod';
import type { ReplayFilter, ReplayStatus } from '../../domain/replay';
import { MAX_REPLAY_RATE } from '../../domain/replay';
import { eventId, moment, tenantName, timestamp } from './contract';

export const replayId = z
  .string()
  .regex(
    /^[!-~]{1,100}$/,
    'must be 1 to 100 printable ASCII characters without blanks; the same id twice has one effect',
  );
export const replayRate = z.int().min(1).max(MAX_REPLAY_RATE).nullable().optional();
export const eventIds = z.array(eventId).min(1).max(1_000);

const text = z.string().min(1).max(1_024);
export const filterBody = z
  .strictObject({
    status: z.enum(['published', 'sent', 'failed', 'skipped']).optional(),
    topic: text.optional(),
    type: text.optional(),
    key: text.optional(),
    error_code: text.optional(),
    after: timestamp.optional(),
    before: timestamp.optional(),
  })
  .refine((filter) => Object.values(filter).some((value) => value !== undefined), {
    message: 'must name something, for example {"after":"2000-01-01T00:00:00Z"} for everything',
  });

export const planBody = z
  .strictObject({ tenant_id: tenantName, event_ids: eventIds.optional(), filter: filterBody.optional() })
  .refine((body) => (body.event_ids === undefined) !== (body.filter === undefined), {
    message: 'must have either event_ids or filter',
  });

export const statusBody = z.strictObject({
  replay_id: z.string(),
  tenant_id: z.string(),
  state: z.enum(['running', 'paused', 'cancelled', 'done']),
  total: z.number(),
  published: z.number().meta({ description: 'copies that Kafka has' }),
  remaining: z.number(),
  failed: z.number(),
  cancelled: z.number(),
  retried: z.number().meta({ description: 'failed events put back to pending instead of copied' }),
  pending: z.number().meta({ description: 'copies in the lane now' }),
  rate_per_second: z.number().nullable(),
  by: z.string(),
  why: z.string(),
  started_at: z.string(),
  ended_at: moment,
});

export function toStatus(replay: ReplayStatus): z.input<typeof statusBody> {
  return {
    replay_id: replay.replayId,
    tenant_id: replay.tenant,
    state: replay.state,
    total: replay.total,
    published: replay.published,
    remaining: replay.remaining,
    failed: replay.failed,
    cancelled: replay.cancelled,
    retried: replay.retried,
    pending: replay.pending,
    rate_per_second: replay.ratePerSecond,
    by: replay.by,
    why: replay.why,
    started_at: replay.startedAt,
    ended_at: replay.endedAt,
  };
}

export function toFilter({ error_code: errorCode, ...rest }: z.output<typeof filterBody>): ReplayFilter {
  const named = Object.entries({ ...rest, errorCode }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(named) as ReplayFilter;
}
