import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Db } from './query';
import { query } from './query';
import { askBack } from './relay/give-back';
import { CHUNK, cancelReplays, removeRest, removeSome, skipSome, unsettled, workflowsOf } from './tenant-removal';
import type { TenantWorkflows } from './tenant-removal';
import type { StatusChange } from './tenants';
import { getTenant, suspendTenant } from './tenants';

export type Deletion =
  | { readonly kind: 'deleted'; readonly skipped: number; readonly removed: number }
  | { readonly kind: 'unknown' }
  /** Nothing that is stored was removed. `detail` says what to do; `count` is capped at COUNT_CAP. */
  | {
      readonly kind: 'refused';
      readonly reason: 'unpublished' | 'open_transactions' | 'in_doubt';
      readonly count: number;
      readonly detail: string;
    };

export const COUNT_CAP = 10_000;
/** How long writers in flight and attached publishers may take before the caller is told to come back, ms. */
const PATIENCE_MS = 5_000;
const LOOK_MS = 50;

/**
 * Deletes a tenant: first its intake ends, then everything that it stored goes, in bounded steps; a deletion that was cut
 * short is simply done again. Refused while anything is unpublished, unless `force`: then that is skipped, with the reason.
 *
 * Nothing of it stays but what Kafka has: the relays' ledger knows events, and fingerprints tell them from those of a later tenant of the
 * name. What operators set goes, and with it the workflows that remember it: `endWorkflows` terminates them before the tenant's own row goes, so that a deletion that could not do it can be repeated.
 */
export async function deleteTenant(
  pool: Pool,
  tenant: string,
  order: StatusChange & {
    readonly force: boolean;
    readonly endWorkflows: (workflows: TenantWorkflows) => Promise<void>;
  },
): Promise<Deletion> {
  if ((await getTenant(pool, tenant)) === null) return { kind: 'unknown' };
  const early = order.force ? 0 : await countUnpublished(pool, tenant);
  if (early > 0) return unpublished(early);
  await suspendTenant(pool, tenant, order);
  if (!(await writersEnded(pool))) {
    const detail = 'Transactions that may hold events of this tenant are still open. End them and delete it again.';
    return { kind: 'refused', reason: 'open_transactions', count: 0, detail };
  }
  let skipped = 0;
  if (order.force) {
    for (let n: number | null = CHUNK; n === CHUNK; skipped += n) {
      n = await givenBack(() => skipSome(pool, tenant, `${order.by}: ${order.why}`));
      if (n === null) return inDoubt(pool, tenant);
    }
  }
  if (!(await allSettled(pool, tenant))) return inDoubt(pool, tenant);
  const left = await countUnpublished(pool, tenant);
  if (left > 0) return unpublished(left);
  // Copies are sent without a pending event, so that what they had under way must end, too.
  await cancelReplays(pool, tenant, order);
  if ((await givenBack(async () => ((await askBack(pool, tenant)) > 0 ? null : true))) === null) {
    return inDoubt(pool, tenant);
  }
  if (!(await allSettled(pool, tenant))) return inDoubt(pool, tenant);
  let removed = 0;
  for (let n = CHUNK; n === CHUNK; removed += n) n = await removeSome(pool, tenant);
  await order.endWorkflows(await workflowsOf(pool, tenant));
  // A drain that was asked for before its workflow ended may attach even now.
  const gone = await givenBack(async () => ((await removeRest(pool, tenant)) ? true : null));
  return gone === null ? inDoubt(pool, tenant) : { kind: 'deleted', skipped, removed };
}

/** Repeats `work` while it answers null because a relay has a publisher, which was asked back; null = it takes too long. */
async function givenBack<T>(work: () => Promise<T | null>): Promise<T | null> {
  let answer: T | null = null;
  await poll(async () => {
    answer = await work();
    return answer !== null;
  });
  return answer;
}

async function allSettled(pool: Pool, tenant: string): Promise<boolean> {
  return poll(async () => (await unsettled(pool, tenant)) === 0);
}

async function inDoubt(pool: Pool, tenant: string): Promise<Deletion> {
  const detail =
    'What was sent could not be marked, or a relay does not give a publisher back. Both end as soon as Kafka and Temporal answer: delete the tenant again then.';
  return { kind: 'refused', reason: 'in_doubt', count: await unsettled(pool, tenant), detail };
}

function unpublished(count: number): Deletion {
  const many = count > COUNT_CAP ? `more than ${COUNT_CAP}` : String(count);
  const detail = `${many} events of this tenant are not published. Let them be published, skip them, or force the deletion.`;
  return { kind: 'refused', reason: 'unpublished', count: Math.min(count, COUNT_CAP), detail };
}

/** Up to COUNT_CAP + 1. */
async function countUnpublished(db: Db, tenant: string): Promise<number> {
  const rows = await query<{ n: number }>(
    db,
    `select count(*)::int as n from (
       (select from outbox.events where tenant_id = $1 and status = 'pending' limit ${COUNT_CAP + 1})
       union all (select from outbox.events where tenant_id = $1 and status = 'failed' limit ${COUNT_CAP + 1})) e`,
    [tenant],
  );
  return Math.min(rows[0]?.n ?? 0, COUNT_CAP + 1);
}

/**
 * A transaction that began to write before the tenant was suspended may commit an event of it later. Waits for all that were
 * open now; whoever writes from here on is refused.
 */
async function writersEnded(db: Db): Promise<boolean> {
  const writing = `from pg_locks where relation = 'outbox.events'::regclass and mode = 'RowExclusiveLock' and granted
    and database = (select oid from pg_database where datname = current_database()) and pid is distinct from pg_backend_pid()`;
  const [open] = await query<{ ids: string[] }>(
    db,
    `select coalesce(array_agg(distinct virtualtransaction), '{}') as ids ${writing}`,
  );
  return poll(async () => {
    const rows = await query(db, `select 1 ${writing} and virtualtransaction = any ($1) limit 1`, [open?.ids ?? []]);
    return rows.length === 0;
  });
}

async function poll(good: () => Promise<boolean>): Promise<boolean> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await good())) {
    if (Date.now() > deadline) return false;
    await sleep(LOOK_MS);
  }
  return true;
}
