import { z } from 'zod';
import { MOST_PLAIN_KEY_TOPICS, isPlainKeyTopic } from '../../domain/plain-key';
import type { PublisherState } from '../../domain/publisher-state';
import { parseRetention } from '../../domain/retention';
import { audited } from '../../postgres/audit';
import { setRetention } from '../../postgres/tenants';
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
  plain_key: z.array(z.string()).meta({
    description: 'topics (* = all) whose message key is the ordering key alone, beside what the deployment names',
  }),
  retention: z.string().nullable().meta({
    description: 'how long published and skipped events are kept, such as 30d; null = as the deployment says',
  }),
});
const changeBody = z
  .strictObject({
    on_poison: onPoison.optional(),
    max_attempts: z.int().min(1).max(100).optional(),
    weight: z.number().min(0.001).max(1_000).optional(),
    plain_key: z
      .array(z.string().refine(isPlainKeyTopic, { message: 'must be the name of a topic, or * for all' }))
      .max(MOST_PLAIN_KEY_TOPICS)
      .optional()
      .meta({ description: 'all of the list; changing it moves keys to other partitions' }),
    retention: z
      .string()
      .refine((text) => parseRetention(text) !== null, { message: 'must be 1h to 3650d, with its unit (m, h or d)' })
      .nullable()
      .optional(),
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
        const { settings } = await existingTenant(context, params.tenant);
        return toBody((await publisherState(context, publisherOf(params.tenant))).state, settings);
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
        const { retention, why: reason, ...publishing } = body;
        await existingTenant(context, params.tenant);
        if (retention !== undefined) await changeRetention(context, params.tenant, retention, { caller, reason });
        const { state } = await publisherState(context, publisherOf(params.tenant));
        const changed = Object.values(publishing).some((value) => value !== undefined);
        const after = changed ? await changePublishing(context, params.tenant, publishing, { caller, reason }) : state;
        return toBody(after, (await existingTenant(context, params.tenant)).settings);
      },
    }),
  ];
}

interface Order {
  readonly caller: { readonly by: string };
  readonly reason: string;
}

async function changePublishing(
  context: AdminContext,
  tenant: string,
  body: Omit<z.output<typeof changeBody>, 'retention' | 'why'>,
  { caller, reason }: Order,
): Promise<PublisherState> {
  const { after } = await command(context, {
    tenant,
    by: caller.by,
    why: reason,
    action: 'tenant.settings',
    update: 'configure',
    args: {
      ...(body.on_poison === undefined ? {} : { onPoison: body.on_poison }),
      ...(body.max_attempts === undefined ? {} : { maxAttempts: body.max_attempts }),
      ...(body.weight === undefined ? {} : { weight: body.weight }),
      ...(body.plain_key === undefined ? {} : { plainKey: body.plain_key }),
    },
    part: partOf,
  });
  return after;
}

/** Retention is no matter of the publisher's: it reads the tenant's row. */
async function changeRetention(
  context: AdminContext,
  tenant: string,
  retention: string | null,
  { caller, reason }: Order,
): Promise<void> {
  await audited(context.pool, async (client) => {
    const before = { retention: await setRetention(client, tenant, retention) };
    const entry = { actor: caller.by, action: 'tenant.settings', tenant, why: reason, before, after: { retention } };
    return { result: null, entry };
  });
}

function partOf({ config }: PublisherState): Omit<z.input<typeof settingsBody>, 'tenant_id' | 'retention'> {
  return {
    on_poison: config.onPoison,
    max_attempts: config.maxAttempts,
    weight: config.weight,
    plain_key: [...(config.plainKey ?? [])],
  };
}

function toBody(state: PublisherState, { retention }: Readonly<Record<string, unknown>>): z.input<typeof settingsBody> {
  return { tenant_id: state.tenant, ...partOf(state), retention: typeof retention === 'string' ? retention : null };
}
