import type { Pool } from 'pg';
import type { PublisherRef } from '../domain/publisher';
import type { PublisherActivities } from '../domain/publisher-settings';
import type { TenantCommand, TenantCommandOutcome } from '../domain/tenant-commands';
import { commandActor } from '../postgres/audit';
import { orderRelease, orderRetry, orderSkip } from '../postgres/event-orders';
import type { OperatorResult } from '../postgres/operator-actions';
import { orderStatus } from '../postgres/tenant-orders';
import { getTenant } from '../postgres/tenants';
import { refusedForGood } from './refused-for-good';

export interface TenantCommandDeps {
  readonly pool: Pool;
  /** Best effort: the sweep repeats it. */
  readonly wake: (refs: readonly PublisherRef[]) => Promise<void>;
  readonly observer: TenantCommandObserver;
}

export interface TenantCommandObserver {
  /** Events that were retried or skipped; not again when an answer is repeated. */
  acted(action: 'retry' | 'skip', events: number): void;
}

type About<N extends TenantCommand['name']> = Extract<TenantCommand, { readonly name: N }>;

/**
 * The local activity behind the commands about a tenant and its events. It does what the admin API does, in one transaction with the
 * audit's entry, which carries the command's id: an attempt whose answer was lost is found there and answered again.
 */
export function tenantCommandActivities(deps: TenantCommandDeps): Pick<PublisherActivities, 'carryOutCommand'> {
  return {
    async carryOutCommand({ tenant }, command, commandId) {
      try {
        return await carryOut(deps, tenant, command, commandId);
      } catch (error) {
        return { kind: 'refused', why: refusedForGood(error) };
      }
    },
  };
}

async function carryOut(
  deps: TenantCommandDeps,
  tenant: string,
  command: TenantCommand,
  commandId: string,
): Promise<TenantCommandOutcome> {
  const { pool } = deps;
  const { why } = command;
  const by = commandActor(command.by);
  const order = { tenant, by, why, commandId };
  switch (command.name) {
    case 'suspendTenant':
    case 'reactivateTenant': {
      const answer = await orderStatus(pool, order, command.name === 'suspendTenant' ? 'suspend' : 'reactivate');
      return answer === null ? noTenant(tenant) : { kind: 'done', answer };
    }
    case 'retryEvents':
    case 'skipEvents':
      if ((await getTenant(pool, tenant)) === null) return noTenant(tenant);
      return actOnEvents(deps, order, command);
    case 'releaseKey':
      if ((await getTenant(pool, tenant)) === null) return noTenant(tenant);
      return release(deps, order, command);
  }
}

type Order = Parameters<typeof orderRetry>[1];

async function actOnEvents(
  deps: TenantCommandDeps,
  order: Order,
  { name, eventIds }: About<'retryEvents' | 'skipEvents'>,
): Promise<TenantCommandOutcome> {
  const act = name === 'retryEvents' ? orderRetry : orderSkip;
  const result = await act(deps.pool, order, eventIds);
  await follow(deps, name === 'retryEvents' ? 'retry' : 'skip', result);
  return { kind: 'done', answer: { changed: result.changed, refused: result.refused } };
}

async function release(
  deps: TenantCommandDeps,
  order: Order,
  { key, action }: About<'releaseKey'>,
): Promise<TenantCommandOutcome> {
  const result = await orderRelease(deps.pool, order, key, action);
  if (result === null) {
    const why = `tenant ${order.tenant} has no parked event of this key: list its held keys with outboxctl held`;
    return { kind: 'refused', why };
  }
  await follow(deps, action, result);
  const { changed, refused, released } = result;
  return { kind: 'done', answer: { changed, refused, released } };
}

/** What follows a change. A repeated answer has nobody to wake: if the wake was lost with the first, the sweep finds the publisher. */
async function follow(deps: TenantCommandDeps, action: 'retry' | 'skip', result: OperatorResult): Promise<void> {
  if (result.wake.length === 0) return;
  deps.observer.acted(action, result.changed.length);
  await deps.wake(result.wake);
}

function noTenant(tenant: string): TenantCommandOutcome {
  return { kind: 'refused', why: `there is no tenant ${tenant}: it was deleted, or never created. Check its name` };
}
