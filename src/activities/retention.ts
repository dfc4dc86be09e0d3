import { setTimeout as sleep } from 'node:timers/promises';
import { cancellationSignal, heartbeat } from '@temporalio/activity';
import type { Pool } from 'pg';
import type { PurgeCounts, PurgeRequest, PurgeStep, RetentionActivities } from '../domain/retention';
import { parseRetention } from '../domain/retention';
import type { RetainedTenant } from '../postgres/retention';
import { expiredEvents, purgeCopies, purgeEvents, retainedTenants } from '../postgres/retention';

export interface RetentionDeps {
  readonly pool: Pool;
  /** How long published and skipped events are kept unless the tenant says otherwise, ms. */
  readonly keepMs: number;
  /** Aborted when the worker shuts down: the step ends after the statement in flight. */
  readonly stopping: AbortSignal;
  readonly observer: RetentionObserver;
}

export interface RetentionObserver {
  purged(tenant: string, counts: PurgeCounts): void;
  /** The tenant's own setting is not understood; the deployment's applies. */
  badSetting(tenant: string): void;
}

/** A step returns after this long, so that the workflow shows progress and a lost worker costs little. */
const STEP_MS = 20_000;
/** Rows of one delete. It holds the publishers' rows, so that an attach waits: 500 rows are about 10 ms. */
const CHUNK = 500;
const TENANTS_PAGE = 500;
/** Between two deletes, as many times as long as the delete took: retention must stay the database's smallest load. */
const REST = 3;

/** The activity `purgeExpired`: bounded batches with pauses, tenant after tenant, safe to repeat and to stop at any point. */
export function retentionActivities(deps: RetentionDeps): RetentionActivities {
  return {
    async purgeExpired(request) {
      const cancelled = cancellationSignal();
      const stopped = (): boolean => cancelled.aborted || deps.stopping.aborted;
      return purgeTenants(deps, request, { stopped, alive: () => heartbeat() });
    },
  };
}

export interface PurgeCall {
  readonly stopped: () => boolean;
  /** Told after every statement. */
  readonly alive: () => void;
}

/** One step; also what tests call without Temporal. */
export async function purgeTenants(deps: RetentionDeps, request: PurgeRequest, call: PurgeCall): Promise<PurgeStep> {
  const step = new Step(deps, call, request);
  for (;;) {
    const page = await retainedTenants(deps.pool, step.after, TENANTS_PAGE);
    if (page.length === 0) return step.result(true);
    for (const tenant of page) {
      if (step.over() || !(await step.purge(tenant))) return step.result(false);
    }
  }
}

class Step {
  private readonly until = Date.now() + STEP_MS;
  private readonly total = { published: 0, skipped: 0 };
  private tenants = 0;
  after: string;
  private event: string;

  constructor(
    private readonly deps: RetentionDeps,
    private readonly call: PurgeCall,
    request: PurgeRequest,
  ) {
    this.after = request.after;
    this.event = request.event;
  }

  over(): boolean {
    return this.call.stopped() || Date.now() >= this.until;
  }

  result(done: boolean): PurgeStep {
    return { ...this.total, after: this.after, event: this.event, tenants: this.tenants, done };
  }

  /** False when the step was over before the tenant was through. */
  async purge({ tenant, setting }: RetainedTenant): Promise<boolean> {
    const { pool, keepMs: usual, observer } = this.deps;
    const own = setting === null ? usual : parseRetention(setting);
    if (own === null) observer.badSetting(tenant);
    const keepMs = own ?? usual;
    for (let from: string | null = this.event; from !== null;) {
      const { ids, next } = await expiredEvents(pool, tenant, keepMs, from, CHUNK);
      if (ids.length > 0) this.count(tenant, await rested(() => purgeEvents(pool, tenant, keepMs, ids)));
      this.call.alive();
      this.event = next ?? this.event;
      if (next !== null && this.over()) return false;
      from = next;
    }
    for (let from: string | null = '0'; from !== null;) {
      const copy: string = from;
      from = await rested(() => purgeCopies(pool, tenant, keepMs, copy, CHUNK));
      this.call.alive();
      if (this.call.stopped()) return false;
    }
    this.after = tenant;
    this.event = '0';
    this.tenants += 1;
    return true;
  }

  private count(tenant: string, counts: PurgeCounts): void {
    this.total.published += counts.published;
    this.total.skipped += counts.skipped;
    if (counts.published + counts.skipped > 0) this.deps.observer.purged(tenant, counts);
  }
}

async function rested<T>(work: () => Promise<T>): Promise<T> {
  const started = Date.now();
  const result = await work();
  await sleep((Date.now() - started) * REST);
  return result;
}
