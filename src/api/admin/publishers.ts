import { z } from 'zod';
import { errorMessage, isOutboxError } from '../../domain/errors';
import { isoOf } from '../../domain/iso';
import { listPublishers } from '../../postgres/publisher-list';
import type { ListedPublisher } from '../../postgres/publisher-list';
import { HttpProblem } from '../http/problem';
import type { AdminContext } from './context';
import { publisherOf } from './context';
import { moment, nextCursor, page, tenantName, tenantParams } from './contract';
import { decodeCursor, encodeCursor } from './cursor';
import { route } from './route';
import type { AdminRoute } from './route';

const STATES = ['sleeping', 'held', 'waking', 'running', 'paused', 'throttled', 'open'] as const;
const json = z.record(z.string(), z.unknown());

const publisherBody = z.strictObject({
  tenant_id: z.string(),
  destination: z.string(),
  shard: z.number(),
  state: z.enum(STATES),
  state_until: moment,
  attached: z
    .strictObject({ relay: z.number(), worker: z.string().nullable(), since: moment })
    .nullable()
    .meta({ description: 'the relay that publishes for it now, and who has that' }),
  paused: json.nullable(),
  limits: json,
  blocked: json.nullable().meta({ description: 'topics that take no events, each with its error code' }),
  published: z.number().meta({ description: 'events that relays have published, since ever' }),
  updated_at: z.string(),
});

/** Where a list of publishers goes on. */
export const refContract = z.tuple([tenantName, z.string().regex(/^[\w.:-]{1,100}$/), z.int().min(0).max(32_767)]);

export function publisherRoutes(context: AdminContext): AdminRoute[] {
  return [
    route({
      id: 'listPublishers',
      method: 'get',
      path: '/admin/publishers',
      summary: 'Publishers as their rows in Postgres have them, by tenant',
      scope: 'read',
      reach: 'own',
      query: z.strictObject({ state: z.enum(STATES).optional(), tenant: tenantName.optional(), ...page }),
      answer: z.strictObject({ publishers: z.array(publisherBody), next: nextCursor }),
      async handle({ query, tenant }) {
        const limit = query.limit ?? 50;
        const position = decodeCursor(refContract, query.cursor);
        const after = position === null ? null : { tenant: position[0], destination: position[1], shard: position[2] };
        const rows = await listPublishers(context.pool, { tenant, state: query.state ?? null, after, limit });
        const last = rows.length < limit ? undefined : rows.at(-1);
        return {
          publishers: rows.map(toBody),
          next: last === undefined ? null : encodeCursor([last.tenant, last.destination, last.shard]),
        };
      },
    }),
    route({
      id: 'getPublisher',
      method: 'get',
      path: '/admin/publishers/{tenant}',
      summary: "The tenant's publisher for Kafka: its row, and its workflow's state",
      scope: 'read',
      reach: 'tenant',
      params: tenantParams,
      answer: publisherBody.extend({
        workflow: json.nullable(),
        workflow_reason: z.string().nullable().meta({ description: 'why workflow is null' }),
      }),
      async handle({ params }) {
        const ref = publisherOf(params.tenant);
        const rows = await listPublishers(context.pool, { tenant: params.tenant, state: null, after: null, limit: 50 });
        const row = rows.find(({ destination, shard }) => destination === ref.destination && shard === ref.shard);
        if (row === undefined) {
          throw new HttpProblem('not_found', `Tenant ${params.tenant} has no publisher. Check the tenant's name.`);
        }
        return { ...toBody(row), ...(await workflowOf(context, params.tenant)) };
      },
    }),
  ];
}

/** The row is worth an answer also while Temporal is down: then it says why the rest is missing. */
async function workflowOf(
  context: AdminContext,
  tenant: string,
): Promise<{ workflow: Record<string, unknown> | null; workflow_reason: string | null }> {
  try {
    const state = await context.publishers.state(publisherOf(tenant));
    if (state !== null) return { workflow: { ...state }, workflow_reason: null };
    return { workflow: null, workflow_reason: 'No workflow runs. The next event or the sweep starts it.' };
  } catch (error) {
    if (!isOutboxError(error) || error.code !== 'TEMPORAL_UNAVAILABLE') throw error;
    return { workflow: null, workflow_reason: errorMessage(error) };
  }
}

function toBody(row: ListedPublisher): z.input<typeof publisherBody> {
  return {
    tenant_id: row.tenant,
    destination: row.destination,
    shard: row.shard,
    state: row.state,
    state_until: row.stateUntil?.toISOString() ?? null,
    attached:
      row.attached === null
        ? null
        : { relay: row.attached.relay, worker: row.attached.worker, since: isoOf(row.attached.since) },
    paused: row.paused,
    limits: row.limits,
    published: row.published,
    blocked: row.blocked,
    updated_at: row.updatedAt.toISOString(),
  };
}
