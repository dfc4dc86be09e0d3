import type { Pool } from 'pg';
import { MAX_ACTION_EVENTS } from '../domain/event-actions';
import { writeAudit } from './audit';
import { releaseKey, retryEvents, skipEvents } from './operator-actions';
import type { Alongside, OperatorResult } from './operator-actions';

/** Who orders what is done with a tenant's events. */
export interface EventOrder {
  readonly tenant: string;
  /** As the audit names them. */
  readonly by: string;
  readonly why: string;
}

/** As `retryEvents`, with the audit's entry in the same transaction; nothing changed, nothing is noted. */
export async function orderRetry(pool: Pool, order: EventOrder, ids: readonly string[]): Promise<OperatorResult> {
  return retryEvents(pool, order.tenant, ids, noted(order, 'event.retry', null));
}

/** As `skipEvents`, noted like a retry. */
export async function orderSkip(pool: Pool, order: EventOrder, ids: readonly string[]): Promise<OperatorResult> {
  return skipEvents(pool, order.tenant, ids, order.why, noted(order, 'event.skip', null));
}

/** As `releaseKey`, noted like a retry. `released`: nothing that is parked holds the key any more. Null = it had no parked event. */
export async function orderRelease(
  pool: Pool,
  order: EventOrder,
  key: string,
  action: 'retry' | 'skip',
): Promise<(OperatorResult & { readonly released: boolean }) | null> {
  const chosen = action === 'retry' ? { action } : { action, why: order.why };
  const result = await releaseKey(pool, order.tenant, key, chosen, noted(order, `key.${action}`, key));
  if (result.changed.length + result.refused.length === 0) return null;
  // More than one call's worth of parked events: the rest still holds the key.
  return { ...result, released: result.refused.length === 0 && result.changed.length < MAX_ACTION_EVENTS };
}

function noted(order: EventOrder, action: string, subject: string | null): Alongside {
  const { tenant, by, why } = order;
  return async (db, { changed, before }) => {
    if (changed.length === 0) return;
    const events = before.map((one) => ({ event_id: one.eventId, status: one.status, error_code: one.errorCode }));
    await writeAudit(db, {
      ...{ actor: by, action, tenant, subject, why },
      before: { events },
      after: { event_ids: changed },
    });
  };
}
