import { z } from 'zod';
import type { ListedEvent } from '../../postgres/event-list';
import { moment } from './contract';

/** An event as the admin API shows it. */
export const eventBody = z.strictObject({
  id: z.string(),
  tenant_id: z.string(),
  topic: z.string(),
  type: z.string(),
  key: z.string().nullable(),
  dedupe_key: z.string(),
  status: z.enum(['pending', 'published', 'failed', 'skipped']),
  lane: z.enum(['live', 'replay']),
  held: z.boolean().meta({ description: 'waits behind a parked event of its key' }),
  attempts: z.number(),
  /** The roadmap's word for attempts. */
  retries: z.number(),
  created_at: z.string(),
  published_at: moment,
  failed_at: moment,
  batch: z.string().nullable(),
  partition: z.number().nullable(),
  offset: z.string().nullable(),
  error_code: z.string().nullable(),
  last_error: z.string().nullable(),
  content_type: z.string().nullable(),
  /** With `payload=true` and the scope `payload`; null = tombstone. */
  payload_base64: z.string().nullable().optional(),
});

/** Field by field, so that a new column never becomes public by accident. */
export function toEventBody(event: ListedEvent, payload: boolean): z.input<typeof eventBody> {
  return {
    id: event.id,
    tenant_id: event.tenant,
    topic: event.topic,
    type: event.type,
    key: event.key,
    dedupe_key: event.dedupeKey,
    status: event.status,
    lane: event.lane,
    held: event.held,
    attempts: event.attempts,
    retries: event.attempts,
    created_at: event.createdAt.toISOString(),
    published_at: event.publishedAt?.toISOString() ?? null,
    failed_at: event.failedAt?.toISOString() ?? null,
    batch: event.batch,
    partition: event.partition,
    offset: event.offset,
    error_code: event.errorCode,
    last_error: event.errorReason,
    content_type: event.contentType,
    ...(payload ? { payload_base64: event.payload?.toString('base64') ?? null } : {}),
  };
}
