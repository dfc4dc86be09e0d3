import { z } from 'zod';
import { MAX_ACTION_EVENTS } from '../../domain/event-actions';
import { orderRelease, orderRetry, orderSkip } from '../../postgres/event-orders';
import type { OperatorResult } from '../../postgres/operator-actions';
import { HttpProblem } from '../http/problem';
import type { AdminContext } from './context';
import { existingTenant } from './context';
import { eventId, tenantName, why } from './contract';
import { route } from './route';
import type { AdminRoute } from './route';

const eventIds = z.array(eventId).min(1).max(MAX_ACTION_EVENTS);
const refused = z.array(z.strictObject({ event_id: z.string(), code: z.string() }));
const someEvents = z.strictObject({ tenant_id: tenantName, event_ids: eventIds, why });

/** What operators do with single events. None of it touches an event of a batch that is in doubt: that one is refused. */
export function parkingRoutes(context: AdminContext): AdminRoute[] {
  return [
    route({
      id: 'retryEvents',
      method: 'post',
      path: '/admin/outbox/retry',
      summary: 'Put parked events back to pending, in their own lane',
      scope: 'operate',
      reach: 'tenant',
      body: someEvents,
      answer: z.strictObject({ retried: z.number(), refused }),
      async handle({ body, caller }) {
        const order = { tenant: body.tenant_id, by: caller.by, why: body.why };
        await existingTenant(context, order.tenant);
        const result = await orderRetry(context.pool, order, body.event_ids);
        context.wake(result.wake);
        context.metrics.operatorEvents.inc({ action: 'retry' }, result.changed.length);
        return { retried: result.changed.length, refused: toRefused(result) };
      },
    }),
    route({
      id: 'skipEvents',
      method: 'post',
      path: '/admin/outbox/skip',
      summary: 'Give parked or pending events up; they stay, with the reason',
      scope: 'operate',
      reach: 'tenant',
      body: someEvents,
      answer: z.strictObject({ skipped: z.number(), refused }),
      async handle({ body, caller }) {
        const order = { tenant: body.tenant_id, by: caller.by, why: body.why };
        await existingTenant(context, order.tenant);
        const result = await orderSkip(context.pool, order, body.event_ids);
        context.wake(result.wake);
        context.metrics.operatorEvents.inc({ action: 'skip' }, result.changed.length);
        return { skipped: result.changed.length, refused: toRefused(result) };
      },
    }),
    releaseRoute(context),
  ];
}

function releaseRoute(context: AdminContext): AdminRoute {
  return route({
    id: 'releaseKey',
    method: 'post',
    path: '/admin/outbox/release',
    summary: 'Retry or skip all parked events of a key, so that what waits behind them flows in order',
    scope: 'operate',
    reach: 'tenant',
    body: z.strictObject({
      tenant_id: tenantName,
      key: z.string().min(1).max(1_024),
      action: z.enum(['retry', 'skip']),
      why,
    }),
    answer: z.strictObject({ released: z.boolean(), events: z.number(), refused }),
    async handle({ body, caller }) {
      const { tenant_id: tenant, key } = body;
      await existingTenant(context, tenant);
      const order = { tenant, by: caller.by, why: body.why };
      const result = await orderRelease(context.pool, order, key, body.action);
      if (result === null) {
        throw new HttpProblem('not_found', `Tenant ${tenant} has no parked event of this key. List its held keys.`);
      }
      context.wake(result.wake);
      context.metrics.operatorEvents.inc({ action: body.action }, result.changed.length);
      return { released: result.released, events: result.changed.length, refused: toRefused(result) };
    },
  });
}

function toRefused(result: OperatorResult): z.input<typeof refused> {
  return result.refused.map((one) => ({ event_id: one.eventId, code: one.code }));
}
