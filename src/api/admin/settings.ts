import { z } from 'zod';
import type { PublisherState } from '../../domain/publisher-state';
import type { AdminContext } from './context';
import { command, existingTenant, publisherOf, publisherState } from './context';
import { tenantParams, why } from './contract';
import { route } from './route';
import type { AdminRoute } from './route';

const onPoison = z.enum(['hold-key', 'skip']).meta({ description: 'what becomes of a key whose event is parked' });
const settingsBody = z.strictObject({
  tenant_id: z.string(),
  on_poison: onPoison,
  max_attempts: z.number().meta({ description: 'refusals of one event until it is parked; outages never count' }),
  weight: z.number().meta({ description: 'share of the drains while tenants wait for each other' }),
});
const changeBody = z
  .strictObject({
    on_poison: onPoison.optional(),
    max_attempts: z.int().min(1).max(100).optional(),
    weight: z.number().min(0.001).max(1_000).optional(),
    why,
  })
  .refine((body) => Object.entries(body).some(([name, value]) => name !== 'why' && value !== undefined), {
    message: 'must name at least one setting',
  });

/** How the tenant's publisher treats its events, apart from breaker and quota. */
export function settingsRoutes(context: AdminContext): AdminRoute[] {
  return [
    route({
      id: 'getSettings',
      method: 'get',
      path: '/admin/tenants/{tenant}/settings',
      summary: "The tenant's settings in force",
      scope: 'read',
      reach: 'tenant',
      params: tenantParams,
      answer: settingsBody,
      async handle({ params }) {
        await existingTenant(context, params.tenant);
        return toBody((await publisherState(context, publisherOf(params.tenant))).state);
      },
    }),
    route({
      id: 'changeSettings',
      method: 'patch',
      path: '/admin/tenants/{tenant}/settings',
      summary: 'Change some of the settings; what is left out stays',
      scope: 'operate',
      reach: 'tenant',
      params: tenantParams,
      body: changeBody,
      answer: settingsBody,
      async handle({ params, body, caller }) {
        const { after } = await command(context, {
          tenant: params.tenant,
          by: caller.by,
          why: body.why,
          action: 'tenant.settings',
          update: 'configure',
          args: {
            ...(body.on_poison === undefined ? {} : { onPoison: body.on_poison }),
            ...(body.max_attempts === undefined ? {} : { maxAttempts: body.max_attempts }),
            ...(body.weight === undefined ? {} : { weight: body.weight }),
          },
          part: partOf,
        });
        return toBody(after);
      },
    }),
  ];
}

function partOf({ config }: PublisherState): Omit<z.input<typeof settingsBody>, 'tenant_id'> {
  return { on_poison: config.onPoison, max_attempts: config.maxAttempts, weight: config.weight };
}

function toBody(state: PublisherState): z.input<typeof settingsBody> {
  return { tenant_id: state.tenant, ...partOf(state) };
}
