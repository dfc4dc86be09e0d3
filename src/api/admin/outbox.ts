import { z } from 'zod';
import type { EventStatus } from '../../domain/event';
import { countEvents, listEvents, positionLength, readEvent } from '../../postgres/event-list';
import type { EventFilter } from '../../postgres/event-list';
import type { AdminCaller } from '../auth/admin';
import { HttpProblem } from '../http/problem';
import type { AdminContext } from './context';
import { existingTenant } from './context';
import { count, flagParam, idParam, nextCursor, page, tenantName, tenantParams, timestamp } from './contract';
import { decodeCursor, encodeCursor } from './cursor';
import { eventBody, toEventBody } from './event-body';
import { route } from './route';
import type { AdminRoute } from './route';

/** `sent` is the roadmap's word for published. */
const STATUSES = ['pending', 'published', 'sent', 'failed', 'skipped'] as const;

const filters = {
  status: z.enum(STATUSES).optional().meta({ description: 'default pending' }),
  topic_filter: z.string().min(1).max(249).optional().meta({ description: "part of the topic's name" }),
  type: z.string().min(1).max(255).optional(),
  key: z.string().min(1).max(1_024).optional(),
  error_code: z
    .string()
    .regex(/^[A-Z0-9_]{1,64}$/, 'must be an error code such as EVENT_TOO_LARGE')
    .optional(),
  after_timestamp: timestamp.optional().meta({ description: 'accepted at this time or later' }),
  before_timestamp: timestamp.optional().meta({ description: 'accepted before this time' }),
  payload: flagParam.optional().meta({ description: 'needs the scope payload; then at most 20 events a page' }),
  ...page,
};
const listQuery = z.strictObject({ tenant: tenantName.optional(), ...filters });
const ofTenantQuery = z.strictObject(filters);
const listing = { events: z.array(eventBody), count: z.number(), total: count, next: nextCursor };

export function outboxRoutes(context: AdminContext): AdminRoute[] {
  return [
    route({
      id: 'listEvents',
      method: 'get',
      path: '/admin/outbox',
      summary:
        'Events of one status: pending, failed and skipped ones oldest first by tenant, published ones newest first',
      scope: 'read',
      reach: 'own',
      query: listQuery,
      answer: z.strictObject(listing),
      handle: ({ query, caller, tenant }) => list(context, tenant, query, caller),
    }),
    route({
      id: 'listTenantEvents',
      method: 'get',
      path: '/admin/outbox/tenant/{tenant}',
      summary: 'Events of one tenant',
      scope: 'read',
      reach: 'tenant',
      params: tenantParams,
      query: ofTenantQuery,
      answer: z.strictObject({ tenant_id: z.string(), status: z.enum(STATUSES), ...listing }),
      async handle({ params, query, caller }) {
        await existingTenant(context, params.tenant);
        const answer = await list(context, params.tenant, query, caller);
        return { tenant_id: params.tenant, status: query.status ?? 'pending', ...answer };
      },
    }),
    route({
      id: 'getEvent',
      method: 'get',
      path: '/admin/outbox/events/{tenant}/{id}',
      summary: 'One event with everything that is known of it',
      scope: 'read',
      reach: 'tenant',
      params: tenantParams.extend({ id: idParam }),
      query: z.strictObject({ payload: flagParam.optional().meta({ description: 'needs the scope payload' }) }),
      answer: eventBody.extend({
        headers: z.record(z.string(), z.string()).nullable(),
        payload_bytes: z.number().nullable(),
      }),
      async handle({ params, query, caller }) {
        const payload = requirePayloadScope(query.payload, caller);
        const event = await readEvent(context.pool, params.tenant, params.id, payload);
        if (event === null) {
          throw new HttpProblem(
            'not_found',
            `Tenant ${params.tenant} has no event ${params.id}. Check the id; published events are removed after the retention.`,
          );
        }
        return { ...toEventBody(event, payload), headers: event.headers, payload_bytes: event.bytes };
      },
    }),
  ];
}

async function list(
  { pool }: AdminContext,
  tenant: string | null,
  query: z.output<typeof ofTenantQuery>,
  caller: AdminCaller,
): Promise<z.input<z.ZodObject<typeof listing>>> {
  const payload = requirePayloadScope(query.payload, caller);
  const status = statusOf(query.status);
  const filter: EventFilter = {
    status,
    tenant,
    topic: query.topic_filter ?? null,
    type: query.type ?? null,
    key: query.key ?? null,
    errorCode: query.error_code ?? null,
    after: query.after_timestamp ?? null,
    before: query.before_timestamp ?? null,
  };
  const position = decodeCursor(positionContract(status), query.cursor)?.slice(1) ?? null;
  const { events, next } = await listEvents(pool, filter, { position, limit: query.limit ?? 50, payload });
  return {
    events: events.map((event) => toEventBody(event, payload)),
    count: events.length,
    total: await countEvents(pool, filter),
    next: next === null ? null : encodeCursor([status, ...next]),
  };
}

function statusOf(status: (typeof STATUSES)[number] = 'pending'): EventStatus {
  return status === 'sent' ? 'published' : status;
}

/** What `listEvents` gave: the status, then index columns as text, which SQL casts. A name has no NUL, so no text here has. */
function positionContract(status: EventStatus): z.ZodType<readonly string[]> {
  const name = z.string().regex(/^[\w.:-]{1,100}$/);
  const id = z.string().regex(/^\d{1,18}$/);
  const small = z.string().regex(/^\d{1,4}$/);
  const parts: z.ZodType<string>[] =
    status === 'pending'
      ? [name, name, small, small, id]
      : status === 'published'
        ? [name, id]
        : [name, z.iso.datetime().max(40), id];
  if (parts.length !== positionLength(status)) throw new Error('The cursor of a list and its index differ.');
  return z.array(z.string()).superRefine((values, issues) => {
    const wrong =
      values.length !== parts.length + 1 ||
      values[0] !== status ||
      parts.some((part, index) => !part.safeParse(values[index + 1]).success);
    if (wrong) issues.addIssue({ code: 'custom', message: 'is not of this list' });
  });
}

/** Payloads are the tenants' data: looking at them is a right of its own. */
function requirePayloadScope(asked: boolean | undefined, caller: AdminCaller): boolean {
  if (asked !== true) return false;
  if (caller.scopes.includes('payload')) return true;
  throw new HttpProblem('forbidden', 'The key lacks the scope "payload". Use a key that has it, or leave payload out.');
}
