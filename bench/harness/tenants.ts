import { poll } from './clock';
import type { BenchServers } from './servers';

/** `count` names of tenants that no other run on the same servers has. */
export function tenantNames(servers: BenchServers, kind: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${servers.prefix}-${kind}-${index + 1}`);
}

/** Resolves when these publishers have gone to sleep (or never started). With the default linger that takes minutes. */
export async function untilAsleep(servers: BenchServers, tenants: readonly string[]): Promise<void> {
  await poll('publishers asleep', 60_000, 100, async () => {
    const [row] = await servers.installation.query<{ awake: number }>(
      `select count(*)::int as awake from outbox.publishers where tenant_id = any ($1::text[]) and state <> 'sleeping'`,
      [tenants],
    );
    return row?.awake === 0;
  });
}

/** Resolves when everything of these tenants is settled; their publishers may be attached. */
export async function untilIdle(servers: BenchServers, tenants: readonly string[]): Promise<void> {
  await poll('everything settled', 60_000, 100, async () => {
    const rows = await servers.installation.query(
      // In the order of the pending index: without one Postgres reads the whole table for it once few are pending.
      `select 1 from unnest($1::text[]) as t (tenant) cross join lateral (
         (select 1 from outbox.events e where e.tenant_id = t.tenant and e.destination = 'kafka' and e.shard = 0 and e.status = 'pending'
          order by e.tenant_id, e.destination, e.shard, e.lane, e.event_id limit 1)
         union all (select 1 from outbox.unsettled u where u.tenant_id = t.tenant limit 1)) left_over limit 1`,
      [tenants],
    );
    return rows.length === 0;
  });
}
