import type { Metrics } from './metrics';
import { OTHER_TENANTS } from './tenant-labels';

/** What waits, and for what. */
export const BACKLOG_STATES = ['pending', 'throttled', 'paused', 'open', 'held', 'blocked'] as const;
export type BacklogState = (typeof BACKLOG_STATES)[number];

export interface TenantBacklog {
  readonly tenant: string;
  readonly state: BacklogState;
  readonly pending: number;
  readonly oldestAgeSeconds: number;
}

export interface BacklogSnapshot {
  readonly backlogs: readonly TenantBacklog[];
  readonly publishers: Readonly<Record<string, number>>;
  /** Tenants whose breaker is not closed: 1 open, 2 half-open. */
  readonly circuits: ReadonlyMap<string, number>;
  readonly notClosed: number;
  readonly unsettled: number;
  readonly relaysHalted: number;
  readonly seconds: number;
}

/**
 * The gauges that come from Postgres. Between two snapshots a scrape costs nothing but their text. Bounded by `most` tenants: the
 * largest backlogs, then open breakers, then those that were named before and still exist, at 0.
 */
export class BacklogGauges {
  private named: readonly string[] = [];

  constructor(
    private readonly metrics: Metrics,
    private readonly most: number,
  ) {}

  /** Tenants that are named now; some may be gone. */
  get shown(): readonly string[] {
    return this.named;
  }

  /** `existing`: which of `shown` still exist. */
  show(snapshot: BacklogSnapshot, existing: readonly string[], now = Date.now()): void {
    const { metrics } = this;
    const pending = new Map<string, number>();
    for (const one of snapshot.backlogs) pending.set(one.tenant, (pending.get(one.tenant) ?? 0) + one.pending);
    const largest = [...pending].sort(([, a], [, b]) => b - a).map(([tenant]) => tenant);
    this.named = [...new Set([...largest, ...snapshot.circuits.keys(), ...existing])]
      .filter((tenant) => tenant !== OTHER_TENANTS)
      .slice(0, this.most);

    this.clear();
    let other = [...pending.values()].reduce((sum, events) => sum + events, 0);
    for (const tenant of this.named) {
      other -= pending.get(tenant) ?? 0;
      metrics.outboxPending.set({ tenant_id: tenant }, pending.get(tenant) ?? 0);
      metrics.circuitState.set({ tenant_id: tenant }, snapshot.circuits.get(tenant) ?? 0);
    }
    metrics.outboxPending.set({ tenant_id: OTHER_TENANTS }, other);
    const unnamed = [...snapshot.circuits].filter(([tenant]) => !this.named.includes(tenant));
    metrics.circuitState.set({ tenant_id: OTHER_TENANTS }, Math.max(0, ...unnamed.map(([, circuit]) => circuit)));

    for (const state of BACKLOG_STATES) {
      const waiting = snapshot.backlogs.filter((one) => one.state === state);
      metrics.pendingByState.set(
        { state },
        waiting.reduce((sum, one) => sum + one.pending, 0),
      );
      metrics.oldestAge.set(
        { state },
        waiting.reduce((oldest, one) => Math.max(oldest, one.oldestAgeSeconds), 0),
      );
    }
    for (const [state, count] of Object.entries(snapshot.publishers)) metrics.publishers.set({ state }, count);
    metrics.breakersOpen.set(snapshot.notClosed);
    metrics.unsettled.set(snapshot.unsettled);
    metrics.relaysHalted.set(snapshot.relaysHalted);
    metrics.collectSeconds.set(snapshot.seconds);
    metrics.collectedAt.set(now / 1000);
  }

  /** Another process counts now: a series that stays would show an old number for ever. */
  clear(): void {
    const { metrics } = this;
    for (const gauge of [metrics.circuitState, metrics.outboxPending, metrics.pendingByState, metrics.oldestAge])
      gauge.reset();
    metrics.publishers.reset();
    const { breakersOpen, unsettled, relaysHalted, collectSeconds, collectedAt } = metrics;
    for (const gauge of [breakersOpen, unsettled, relaysHalted, collectSeconds, collectedAt]) gauge.remove();
  }
}
