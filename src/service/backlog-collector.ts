import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { errorMessage } from '../domain/errors';
import { countPublishers, existingTenants, readBacklog } from '../postgres/backlog';
import type { BacklogGroup } from '../postgres/backlog';
import { ASIDE_LANE, BLOCKED_LANE } from '../postgres/hold-key';
import { relayTroubles } from '../postgres/relay/relay-list';
import type { BacklogGauges, BacklogSnapshot, BacklogState, TenantBacklog } from '../telemetry/backlog-gauges';
import type { Logger } from '../telemetry/logger';

export interface CollectorOptions {
  readonly pool: Pool;
  readonly gauges: BacklogGauges;
  readonly intervalMs: number;
  readonly mostTenants: number;
  readonly logger: Logger;
}

/** Counting takes at most a twentieth of the time, however long one count takes. */
const SHARE = 20;

/** Counts the backlog for as long as this process leads the sweep; a failed count is logged and keeps the last numbers. */
export async function collectBacklog(options: CollectorOptions, leading: AbortSignal): Promise<void> {
  try {
    while (!leading.aborted) {
      const started = Date.now();
      try {
        await collectOnce(options);
      } catch (error) {
        options.logger.warn({ error: errorMessage(error) }, 'the backlog could not be counted for the metrics');
      }
      const pause = Math.max(options.intervalMs, (Date.now() - started) * SHARE);
      await sleep(pause, undefined, { signal: leading }).catch(() => undefined);
    }
  } finally {
    options.gauges.clear();
  }
}

/** One count; also what tests call. */
export async function collectOnce({ pool, gauges, mostTenants }: CollectorOptions): Promise<void> {
  const started = performance.now();
  const groups = await readBacklog(pool);
  const publishers = await countPublishers(pool, mostTenants);
  const { unsettled, halted } = await relayTroubles(pool, 0);
  const existing = await existingTenants(pool, gauges.shown);
  const snapshot: BacklogSnapshot = {
    backlogs: groups.map(toBacklog),
    publishers: publishers.states,
    circuits: publishers.circuits,
    notClosed: publishers.notClosed,
    unsettled,
    relaysHalted: halted,
    seconds: (performance.now() - started) / 1000,
  };
  gauges.show(snapshot, existing);
}

const WAITING: Readonly<Record<string, BacklogState>> = {
  throttled: 'throttled',
  paused: 'paused',
  open: 'open',
};

function toBacklog(group: BacklogGroup): TenantBacklog {
  const { tenant, pending, oldestAgeSeconds, lane } = group;
  const state =
    lane === ASIDE_LANE ? 'held' : (WAITING[group.state ?? ''] ?? (lane === BLOCKED_LANE ? 'blocked' : 'pending'));
  return { tenant, pending, oldestAgeSeconds, state };
}
