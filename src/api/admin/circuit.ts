import { z } from 'zod';
import { isoOf } from '../../domain/iso';
import type { BreakerConfig } from '../../domain/breaker';
import type { PublisherState } from '../../domain/publisher-state';
import type { AdminContext } from './context';
import { command, existingTenant, publisherOf, publisherState } from './context';
import { moment, tenantParams, why, whyBody } from './contract';
import { route } from './route';
import type { AdminRoute } from './route';

const circuitBody = z.strictObject({
  tenant_id: z.string(),
  state: z.enum(['closed', 'open', 'half-open']),
  failures: z.number().meta({ description: 'failures of the destination in a row' }),
  opened_at: moment,
  next_probe_at: moment,
  reason: z.string().nullable(),
  held_open: z.boolean().meta({ description: 'opened by an operator: no probe until reset' }),
  failure_threshold: z.number(),
  reset_interval: z.number().meta({ description: 'seconds until the first probe' }),
  transitions: z
    .array(z.strictObject({ from: z.string(), to: z.string(), at: moment, why: z.string() }))
    .meta({ description: 'the last changes of state, newest last' }),
});

const configureBody = z
  .strictObject({
    failure_threshold: z.int().min(1).max(1_000).nullable().optional(),
    reset_interval: z.number().min(0.1).max(86_400).nullable().optional(),
    why,
  })
  .refine((body) => body.failure_threshold !== undefined || body.reset_interval !== undefined, {
    message: 'must have failure_threshold, reset_interval or both',
  })
  // The publisher takes back all of a breaker's settings or none of them.
  .refine((body) => (body.failure_threshold === null) === (body.reset_interval === null), {
    message: "must have null for both of failure_threshold and reset_interval (back to the deployment's), or for none",
  });

/** The breaker of the tenant's publisher: workflow state, so shared by all workers and surviving all of them. */
export function circuitRoutes(context: AdminContext): AdminRoute[] {
  const order = async (
    name: string,
    update: string,
    given: { readonly tenant: string; readonly by: string; readonly why: string; readonly args?: object },
  ): Promise<z.input<typeof circuitBody>> => {
    const { after } = await command(context, { ...given, action: `circuit.${name}`, update, part: breakerOf });
    return toBody(after);
  };
  return [
    route({
      id: 'getCircuit',
      method: 'get',
      path: '/admin/circuit/{tenant}',
      summary: "The breaker of the tenant's publisher",
      scope: 'read',
      reach: 'tenant',
      params: tenantParams,
      answer: circuitBody,
      async handle({ params }) {
        await existingTenant(context, params.tenant);
        return toBody((await publisherState(context, publisherOf(params.tenant))).state);
      },
    }),
    route({
      id: 'configureCircuit',
      method: 'post',
      path: '/admin/circuit/{tenant}/configure',
      summary:
        "Set the threshold and the first wait of this breaker; what is left out stays. Null for both: the deployment's",
      scope: 'operate',
      reach: 'tenant',
      params: tenantParams,
      body: configureBody,
      answer: circuitBody,
      handle: ({ params, body, caller }) =>
        order('configure', 'configure', {
          tenant: params.tenant,
          by: caller.by,
          why: body.why,
          args: { breaker: breakerChange(body) },
        }),
    }),
    route({
      id: 'openCircuit',
      method: 'post',
      path: '/admin/circuit/{tenant}/open',
      summary: 'Hold this breaker open, without probes, until it is reset: nothing is sent, nothing is lost',
      scope: 'operate',
      reach: 'tenant',
      params: tenantParams,
      body: whyBody,
      answer: circuitBody,
      handle: ({ params, body, caller }) =>
        order('open', 'openBreaker', { tenant: params.tenant, by: caller.by, why: body.why }),
    }),
    route({
      id: 'resetCircuit',
      method: 'post',
      path: '/admin/circuit/{tenant}/reset',
      summary: 'Close this breaker and try at once',
      scope: 'operate',
      reach: 'tenant',
      params: tenantParams,
      body: whyBody,
      answer: circuitBody,
      handle: ({ params, body, caller }) =>
        order('reset', 'resetBreaker', { tenant: params.tenant, by: caller.by, why: body.why }),
    }),
  ];
}

/** In the publisher's words; null = back to the deployment's. */
function breakerChange(body: z.output<typeof configureBody>): Partial<BreakerConfig> | null {
  const { failure_threshold: threshold, reset_interval: seconds } = body;
  if (threshold === null || seconds === null) return null;
  return {
    ...(threshold === undefined ? {} : { threshold }),
    ...(seconds === undefined ? {} : { resetMs: Math.round(seconds * 1_000) }),
  };
}

function breakerOf({ breaker, config }: PublisherState): object {
  const { state, failures, reason, manual } = breaker;
  return { state, failures, reason, held_open: manual, ...config.breaker };
}

function toBody(state: PublisherState): z.input<typeof circuitBody> {
  const { breaker, config } = state;
  return {
    tenant_id: state.tenant,
    state: breaker.state,
    failures: breaker.failures,
    opened_at: isoOf(breaker.openedAt),
    next_probe_at: isoOf(breaker.nextProbeAt),
    reason: breaker.reason,
    held_open: breaker.manual,
    failure_threshold: config.breaker.threshold,
    reset_interval: config.breaker.resetMs / 1_000,
    transitions: breaker.transitions.map(({ from, to, at, why: reason }) => ({ from, to, at: isoOf(at), why: reason })),
  };
}
