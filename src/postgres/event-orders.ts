import type { Pool } from 'pg';
import type { RefusedEvent } from '../domain/tenant-commands';
import { MAX_ACTION_EVENTS } from '../domain/tenant-commands';
import { entryOfCommand, writeAudit } from './audit';
import { releaseKey, retryEvents, skipEvents } from './operator-actions';
import type { Alongside, OperatorResult } from './operator-actions';

/** Who orders what is done with a tenant's events. */
export interface EventOrder {
  readonly tenant: string;
  /** As the audit names them. */
  readonly by: string;
  readonly why: string;
  /** Of a command to a workflow: the same id again changes nothing, and answers what it changed the first time. */
  readonly commandId?: string;
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
  const { tenant, by, why, commandId } = order;
  return {
    async before(db) {
      const entry = commandId === undefined ? null : await entryOfCommand(db, commandId);
      if (entry === null) return null;
      const { event_ids: changed, refused } = entry.after as CommandAfter;
      return {
        changed,
        refused: refused.map(({ event_id: eventId, code }) => ({ eventId, code })),
        before: [],
        wake: [],
      };
    },
    async after(db, { changed, before, refused }) {
      // A command that changed nothing is noted too: given again, it is not to change what has come about since.
      if (changed.length === 0 && commandId === undefined) return;
      const events = before.map((one) => ({ event_id: one.eventId, status: one.status, error_code: one.errorCode }));
      const left = refused.map((one) => ({ event_id: one.eventId, code: one.code }));
      const after = { event_ids: changed, ...(commandId !== undefined && { refused: left }) };
      await writeAudit(db, { actor: by, action, tenant, subject, why, before: { events }, after, commandId });
    },
  };
}

/** What the entry of a command keeps, to answer it again. */
interface CommandAfter {
  readonly event_ids: readonly string[];
  readonly refused: readonly { readonly event_id: string; readonly code: RefusedEvent['code'] }[];
}
