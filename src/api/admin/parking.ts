import { z } from 'zod';
import { writeAudit } from '../../postgres/audit';
import { releaseKey, retryEvents, skipEvents } from '../../postgres/operator-actions';
import type { Alongside, OperatorResult } from '../../postgres/operator-actions';
import { HttpProblem } from '../http/problem';
import type { AdminContext } from './context';
import { existingTenant } from './context';
import { eventId, tenantName, why } from './contract';
import { route } from './route';
import type { AdminRoute } from './route';

const eventIds = z.array(eventId).min(1).max(1_000);
const refused = z.array(z.strictObject({ event_id: z.string(), code: z.string() }));
const someEvents = z.strictObject({ tenant_id: tenantName, event_ids: eventIds, why });

interface Ordered {
  readonly tenant: string;
  readonly by: string;
  readonly why: string;
}

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
        const ordered = { tenant: body.tenant_id, by: caller.by, why: body.why };
        await existingTenant(context, ordered.tenant);
        const audit = alongside(ordered, 'event.retry', null);
        const result = await retryEvents(context.pool, ordered.tenant, body.event_ids, audit);
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
        const ordered = { tenant: body.tenant_id, by: caller.by, why: body.why };
        await existingTenant(context, ordered.tenant);
        const audit = alongside(ordered, 'event.skip', null);
        const result = await skipEvents(context.pool, ordered.tenant, body.event_ids, body.why, audit);
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
      const ordered = { tenant, by: caller.by, why: body.why };
      await existingTenant(context, tenant);
      const action =
        body.action === 'retry' ? ({ action: 'retry' } as const) : ({ action: 'skip', why: body.why } as const);
      const audit = alongside(ordered, `key.${body.action}`, key);
      const result = await releaseKey(context.pool, tenant, key, action, audit);
      if (result.changed.length + result.refused.length === 0) {
        throw new HttpProblem('not_found', `Tenant ${tenant} has no parked event of this key. List its held keys.`);
      }
      context.wake(result.wake);
      context.metrics.operatorEvents.inc({ action: body.action }, result.changed.length);
      // More than one call's worth of parked events: the rest still holds the key.
      const rest = result.refused.length > 0 || result.changed.length >= 1_000;
      return { released: !rest, events: result.changed.length, refused: toRefused(result) };
    },
  });
}

/** The entry is written in the transaction of the change; nothing changed, nothing is noted. */
function alongside(ordered: Ordered, action: string, subject: string | null): Alongside {
  return async (db, result) => {
    if (result.changed.length === 0) return;
    const { tenant, by: actor, why: reason } = ordered;
    const events = result.before.map((one) => ({
      event_id: one.eventId,
      status: one.status,
      error_code: one.errorCode,
    }));
    const change = { before: { events }, after: { event_ids: result.changed } };
    await writeAudit(db, { actor, action, tenant, subject, why: reason, ...change });
  };
}

function toRefused(result: OperatorResult): z.input<typeof refused> {
  return result.refused.map((one) => ({ event_id: one.eventId, code: one.code }));
}
