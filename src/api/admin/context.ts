import type { Pool } from 'pg';
import type { BreakerConfig } from '../../domain/breaker';
import type { QuotaConfig } from '../../domain/quota';
import type { IngestLimits } from '../../postgres/ingest-limits';
import { isOutboxError } from '../../domain/errors';
import { KAFKA_DESTINATION } from '../../domain/publisher';
import type { PublisherRef } from '../../domain/publisher';
import { restore, withDefaults } from '../../domain/publisher-commands';
import { advance } from '../../domain/publisher-decision';
import { defaultConfig, initialState } from '../../domain/publisher-state';
import type { PublisherState } from '../../domain/publisher-state';
import { writeAudit } from '../../postgres/audit';
import type { AuditEntry } from '../../postgres/audit';
import { loadSaved } from '../../postgres/publisher-save';
import { getTenant } from '../../postgres/tenants';
import type { Tenant } from '../../postgres/tenants';
import type { Logger } from '../../telemetry/logger';
import type { Metrics } from '../../telemetry/metrics';
import type { PublisherCommands } from '../../temporal/publisher-commands';
import { HttpProblem } from '../http/problem';
import type { Wake } from '../ports';

/** One finding of the doctor. */
export interface DoctorCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** What to do; null while all is well. */
  readonly remedy: string | null;
}

/** What the admin API's handlers stand on. */
export interface AdminContext {
  readonly pool: Pool;
  readonly publishers: PublisherCommands;
  /** For what an order in Postgres gives publishers to do. */
  readonly wake: Wake;
  /** The deployment's defaults, for publishers that do not run and for what nobody has set. */
  readonly breaker: BreakerConfig;
  readonly quota: QuotaConfig;
  readonly ingest: IngestLimits;
  readonly metrics: Pick<Metrics, 'operatorEvents'>;
  readonly doctor: () => Promise<readonly DoctorCheck[]>;
  readonly logger: Logger;
}

/** The tenant, or 404: an update-with-start would otherwise make a publisher for every mistyped name. */
export async function existingTenant(context: AdminContext, tenant: string): Promise<Tenant> {
  const found = await getTenant(context.pool, tenant);
  if (found === null) throw new HttpProblem('not_found', `There is no tenant ${tenant}. Create it first.`);
  return found;
}

/** The publisher that the routes speak of: the tenant's for Kafka. */
export function publisherOf(tenant: string): PublisherRef {
  return { tenant, destination: KAFKA_DESTINATION, shard: 0 };
}

/**
 * The publisher's state: live from its workflow, or, if none runs (nothing was ever published, or it was terminated), what a
 * start would make of the row now. Rejects with TEMPORAL_UNAVAILABLE.
 */
export async function publisherState(
  context: AdminContext,
  ref: PublisherRef,
): Promise<{ readonly state: PublisherState; readonly running: boolean }> {
  const live = await context.publishers.state(ref);
  const now = Date.now();
  // Tokens are counted when the workflow acts; what time brought since then is added here.
  if (live !== null) return { state: advance(live, now), running: true };
  const defaults = defaultConfig(context.breaker, context.quota);
  const restored = restore(initialState(ref, defaults, now), await loadSaved(context.pool, ref));
  return { state: withDefaults(restored, defaults), running: false };
}

/** Sends an order to the tenant's publisher and, once it is in force, appends it to the audit. Answers the new state. */
export async function command(
  context: AdminContext,
  order: {
    readonly tenant: string;
    readonly by: string;
    readonly why: string;
    readonly action: string;
    readonly update: string;
    readonly args?: object;
    /** The part of the state that the order changes. */
    readonly part: (state: PublisherState) => unknown;
  },
): Promise<{ readonly before: PublisherState; readonly after: PublisherState }> {
  const { tenant, by, why } = order;
  await existingTenant(context, tenant);
  const ref = publisherOf(tenant);
  const { state: before } = await publisherState(context, ref);
  const asked = { actor: by, action: order.action, tenant, why, before: order.part(before) };
  const outcome = await context.publishers
    .update(ref, order.update, { by, why, ...order.args })
    .catch((error: unknown) => unanswered(context, { ...asked, ordered: order.args ?? null }, error));
  if (!outcome.ok) {
    throw new HttpProblem(
      'invalid_body',
      `The publisher refuses the order: ${outcome.refused}. Correct it and send it again.`,
    );
  }
  const after = outcome.state;
  await auditAfterwards(context, { ...asked, after: order.part(after) });
  return { before, after };
}

/**
 * The workflow did not answer in time, yet may carry the order out: an order that took effect must not be missing from the audit, so
 * it is noted with what it asked for. The caller hears of the outage in any case; an entry that cannot be stored goes to the log.
 */
async function unanswered(
  context: AdminContext,
  { ordered, ...asked }: AuditEntry & { readonly ordered: object | null },
  error: unknown,
): Promise<never> {
  const entry = { ...asked, after: { outcome: 'unknown', ordered } };
  await writeAudit(context.pool, entry).catch((failure: unknown) => {
    const code = isOutboxError(failure) ? failure.code : 'INTERNAL';
    context.logger.error(
      { code, tenant: entry.tenant, entry },
      'an order may be in force, but its audit entry could not be stored',
    );
  });
  throw error;
}

/** For changes outside Postgres: they are in force already, so a failure here must say so and leave the entry in the log. */
export async function auditAfterwards(context: AdminContext, entry: AuditEntry): Promise<void> {
  try {
    await writeAudit(context.pool, entry);
  } catch (error) {
    const code = isOutboxError(error) ? error.code : 'INTERNAL';
    context.logger.error(
      { code, tenant: entry.tenant, entry },
      'a change is in force, but its audit entry could not be stored',
    );
    throw new HttpProblem(
      'unavailable',
      'The change is in force, but its audit entry could not be stored; the log has it. Do not repeat the change; look after Postgres.',
      { cause: error },
    );
  }
}
