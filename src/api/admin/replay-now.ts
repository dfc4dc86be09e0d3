import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { publisherId } from '../../domain/publisher';
import type { PublisherRef } from '../../domain/publisher';
import { writeAudit } from '../../postgres/audit';
import { locateEvents } from '../../postgres/event-find';
import type { LocatedEvent } from '../../postgres/event-find';
import { listEvents } from '../../postgres/event-list';
import type { Position } from '../../postgres/event-list';
import { requestReplay } from '../../postgres/replay-control';
import { HttpProblem } from '../http/problem';
import type { AdminContext } from './context';
import { existingTenant } from './context';
import { tenantName, timestamp, why } from './contract';
import { eventIds, replayId } from './replay-body';
import { route } from './route';
import type { AdminRoute } from './route';

const refusedBody = z.strictObject({ event_id: z.string(), code: z.string() });
/** A search by topic gives up after so many pages of rows without enough matches; what was found is replayed. */
const SEARCHES = 20;

/** The roadmap's two replays at one go: without a plan, for at most 1,000 events. */
export function replayNowRoutes(context: AdminContext): AdminRoute[] {
  return [
    route({
      id: 'replayEvents',
      method: 'post',
      path: '/admin/outbox/replay',
      summary: 'Publish these events again; failed ones go back to pending in their own lane. Pending ones are refused',
      scope: 'replay',
      reach: 'own',
      body: z.strictObject({
        event_ids: eventIds,
        tenant_id: tenantName.optional().meta({ description: 'needed if there are very many tenants' }),
        replay_id: replayId.optional(),
        why: why.optional(),
      }),
      answer: z.strictObject({
        replayed: z.number(),
        replay_ids: z.array(z.string()),
        not_found: z.array(z.string()),
        refused: z.array(refusedBody),
      }),
      async handle({ body, caller, tenant }) {
        const ids = [...new Set(body.event_ids)];
        const found = await locateEvents(context.pool, ids, tenant);
        if (found === null) {
          throw new HttpProblem(
            'invalid_body',
            'There are too many tenants to look through. Name tenant_id, or fewer events.',
          );
        }
        if (found.length === 0)
          throw new HttpProblem('not_found', 'None of these events exists. Check the ids and the tenant.');
        const known = new Set(found.map((event) => event.id));
        const ready = found.filter((event) => event.status !== 'pending');
        const order = { by: caller.by, why: body.why ?? 'replayed by event ids', id: body.replay_id ?? randomUUID() };
        const started = await replayAll(context, ready, order);
        return {
          replayed: started.reduce((sum, one) => sum + one.total, 0),
          replay_ids: [...new Set(started.map((one) => one.replayId))],
          not_found: ids.filter((id) => !known.has(id)),
          refused: found
            .filter((event) => event.status === 'pending')
            .map(({ id }) => ({ event_id: id, code: 'PENDING' })),
        };
      },
    }),
    route({
      id: 'replayTenant',
      method: 'post',
      path: '/admin/outbox/replay/tenant',
      summary: "Publish a tenant's events again: by default the failed ones, oldest first; published ones newest first",
      scope: 'replay',
      reach: 'tenant',
      body: z.strictObject({
        tenant_id: tenantName,
        status: z.enum(['failed', 'published', 'sent', 'skipped']).optional(),
        topic_filter: z.string().min(1).max(249).optional(),
        before_timestamp: timestamp.optional(),
        limit: z.int().min(1).max(1_000).optional(),
        why: why.optional(),
      }),
      answer: z.strictObject({
        tenant_id: z.string(),
        replayed: z.number(),
        status: z.string(),
        replay_id: z.string(),
      }),
      async handle({ body, caller }) {
        const { tenant_id: tenant, status = 'failed' } = body;
        await existingTenant(context, tenant);
        const ids = await matching(context, body);
        const found = ids.length === 0 ? [] : await locateEvents(context.pool, ids, tenant);
        if (found === null || found.length === 0) {
          throw new HttpProblem('not_found', `Tenant ${tenant} has no ${status} event that fits. Widen the filter.`);
        }
        const order = { by: caller.by, why: body.why ?? `replayed by filter, ${status}`, id: randomUUID() };
        const started = await replayAll(context, found, order);
        const replayed = started.reduce((sum, one) => sum + one.total, 0);
        return { tenant_id: tenant, replayed, status, replay_id: order.id };
      },
    }),
  ];
}

/** One replay for each publisher that the events belong to, each with its entry in the audit. */
async function replayAll(
  context: AdminContext,
  events: readonly LocatedEvent[],
  order: { readonly by: string; readonly why: string; readonly id: string },
): Promise<{ replayId: string; total: number }[]> {
  const groups = new Map<string, { ref: PublisherRef; ids: string[] }>();
  for (const { tenant, destination, shard, id } of events) {
    const ref = { tenant, destination, shard };
    const group = groups.get(publisherId(ref)) ?? { ref, ids: [] };
    group.ids.push(id);
    groups.set(publisherId(ref), group);
  }
  const started: { replayId: string; total: number }[] = [];
  for (const { ref, ids } of groups.values()) {
    const command = { replayId: order.id, eventIds: ids, by: order.by, why: order.why };
    const entry = { actor: order.by, action: 'replay.start', tenant: ref.tenant, subject: order.id, why: order.why };
    const { replay } = await requestReplay(context.pool, ref, command, {
      alongside: (db, { total }) => writeAudit(db, { ...entry, after: { total, event_ids: ids.slice(0, 100) } }),
    });
    started.push({ replayId: replay.replayId, total: replay.total });
  }
  return started;
}

async function matching(
  { pool }: AdminContext,
  body: {
    readonly tenant_id: string;
    readonly status?: 'failed' | 'published' | 'sent' | 'skipped' | undefined;
    readonly topic_filter?: string | undefined;
    readonly before_timestamp?: string | undefined;
    readonly limit?: number | undefined;
  },
): Promise<string[]> {
  const { status = 'failed', limit = 100 } = body;
  const filter = {
    status: status === 'sent' ? ('published' as const) : status,
    tenant: body.tenant_id,
    topic: body.topic_filter ?? null,
    before: body.before_timestamp ?? null,
    ...{ type: null, key: null, errorCode: null, after: null },
  };
  const ids: string[] = [];
  let position: Position | null = null;
  for (let search = 0; search < SEARCHES && ids.length < limit; search += 1) {
    const found = await listEvents(pool, filter, { position, limit: limit - ids.length, payload: false });
    ids.push(...found.events.map((event) => event.id));
    position = found.next;
    if (position === null) break;
  }
  return ids;
}
