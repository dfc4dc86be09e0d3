import { poll } from './clock';
import type { BenchServers } from './servers';

/** `count` names of tenants that no other run on the same servers has. */
export function tenantNames(servers: BenchServers, kind: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${servers.prefix}-${kind}-${index + 1}`);
}

/** Resolves when these publishers have settled everything and gone to sleep (or never started). */
export async function untilAsleep(servers: BenchServers, tenants: readonly string[]): Promise<void> {
  await poll('publishers asleep', 60_000, 100, async () => {
    const [row] = await servers.installation.query<{ awake: number }>(
      `select count(*)::int as awake from outbox.publishers
       where tenant_id = any ($1::text[]) and (state <> 'sleeping' or recorded <> settled)`,
      [tenants],
    );
    return row?.awake === 0;
  });
}
