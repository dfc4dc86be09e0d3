import { z } from 'zod';
import { isoOf } from '../../domain/iso';
import type { PublisherState } from '../../domain/publisher-state';
import type { AdminContext } from './context';
import { command } from './context';
import { moment, tenantParams, timestamp, why, whyBody } from './contract';
import { route } from './route';
import type { AdminRoute } from './route';

const pausedBody = z.strictObject({
  tenant_id: z.string(),
  paused: z.strictObject({ by: z.string(), why: z.string(), since: moment, until: moment }).nullable(),
});

/** Pausing stops publishing, never accepting; complete when no batch is in doubt. */
export function pauseRoutes(context: AdminContext): AdminRoute[] {
  return [
    route({
      id: 'pauseTenant',
      method: 'post',
      path: '/admin/tenants/{tenant}/pause',
      summary: "Stop publishing this tenant's events, until a time or until resumed; events are accepted as before",
      scope: 'operate',
      reach: 'tenant',
      params: tenantParams,
      body: z.strictObject({ why, until: timestamp.optional() }),
      answer: pausedBody,
      async handle({ params, body, caller }) {
        const { after } = await command(context, {
          tenant: params.tenant,
          by: caller.by,
          why: body.why,
          action: 'tenant.pause',
          update: 'pause',
          args: body.until === undefined ? {} : { until: body.until },
          part: pausedOf,
        });
        return toBody(after);
      },
    }),
    route({
      id: 'resumeTenant',
      method: 'post',
      path: '/admin/tenants/{tenant}/resume',
      summary: "Publish this tenant's events again",
      scope: 'operate',
      reach: 'tenant',
      params: tenantParams,
      body: whyBody,
      answer: pausedBody,
      async handle({ params, body, caller }) {
        const { after } = await command(context, {
          tenant: params.tenant,
          by: caller.by,
          why: body.why,
          action: 'tenant.resume',
          update: 'resume',
          part: pausedOf,
        });
        return toBody(after);
      },
    }),
  ];
}

function pausedOf(state: PublisherState): object | null {
  const { paused } = state;
  return paused === null
    ? null
    : { by: paused.by, why: paused.why, since: isoOf(paused.since), until: isoOf(paused.until) };
}

function toBody(state: PublisherState): z.input<typeof pausedBody> {
  const { paused } = state;
  if (paused === null) return { tenant_id: state.tenant, paused: null };
  const { by, why: reason, since, until } = paused;
  return { tenant_id: state.tenant, paused: { by, why: reason, since: isoOf(since), until: isoOf(until) } };
}
