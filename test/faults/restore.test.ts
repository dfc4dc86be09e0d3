import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { startFaultStack } from '../../faults/servers/fault-stack';
import type { FaultStack } from '../../faults/servers/fault-stack';
import { plainDraft } from '../../faults/acts/poison';
import { enqueueAll, faultRun, sharedServers, until } from '../support/fault-run';

/**
 * A database that is older than what Kafka has, as after a fail-over to a standby that lagged behind or from a snapshot: it goes on by itself.
 * What Kafka has is not sent again, what is new is, and what was lost is counted.
 */
describe('a database that lost its last commits', () => {
  let servers: FaultStack;
  beforeAll(async () => {
    servers = await startFaultStack(['postgres']);
  }, 120_000);
  afterAll(() => servers.stop());

  it('is repaired from the ledger', () => {
    const { stack } = servers;
    const cluster = join(servers.dataDir, 'postgres', 'cluster');
    const copy = `${cluster}.older`;
    const addresses = { ...sharedServers(), databaseUrl: stack.databaseUrl };
    return faultRun(
      { name: 'restore', servers: addresses, tenantCount: 4, traffic: { pauseMs: 60 } },
      async ({ rig, traffic, tenants, topics }) => {
        await rig.worker();
        await traffic.reached(100);
        // Like the snapshot of a disk: whatever was being sent is pending in it.
        frozen(stack.pids.postgres ?? 0, () => execFileSync('cp', ['-a', cluster, copy]));
        await traffic.reached(traffic.acknowledged.length + 150);
        await traffic.stop();
        await rig.installation.untilDrained(60_000);
        const published = [...traffic.acknowledged];

        stack.kill('postgres', 'SIGKILL');
        await until('Postgres to end', () => stack.pids.postgres === undefined);
        rmSync(cluster, { recursive: true });
        execFileSync('mv', [copy, cluster]);
        rmSync(join(cluster, 'postmaster.pid'), { force: true });
        await stack.restart('postgres');
        rig.faults.fired('older_copy_restored', cluster);

        const relays = (): Promise<{ recovered: number; strangers: number }[]> =>
          rig.installation.query(
            `select count(*) filter (where recovered_on = (select server from outbox.servers order by first_at desc limit 1))::int as recovered,
                    coalesce(sum(strangers), 0)::int as strangers from outbox.relays`,
          );
        await until('every relay to be taken over', async () => (await relays())[0]?.recovered === 32, 60_000);
        const lost = (await relays())[0]?.strangers ?? 0;
        expect(lost).toBeGreaterThan(0);
        const fresh = await enqueueAll(
          rig,
          tenants.map((tenant) => plainDraft(tenant, topics[0] ?? '')),
        );
        const fired = ['older_copy_restored'];
        const options = { fired, minEvents: 250, deadlineMs: 60_000 };
        const report = await rig.settleAndAudit([...published, ...fresh], options);
        expect(report).toMatchObject({ acknowledged: published.length + fresh.length, seen: report.acknowledged });
        expect(Object.entries(report.findings).filter(([, { count }]) => count > 0)).toEqual([]);
        // What the database lost is missing from it and from nowhere else, and the relays have counted it.
        const missing = (report.balances ?? []).reduce((sum, { accepted, published: of }) => sum + accepted - of, 0);
        expect(missing).toBe(lost);
      },
    );
  }, 300_000);
});

/** Runs `work` while this process and all below it stand still. */
function frozen(pid: number, work: () => void): void {
  const all = [pid, ...descendants(pid)];
  for (const one of all) process.kill(one, 'SIGSTOP');
  try {
    work();
  } finally {
    for (const one of all) process.kill(one, 'SIGCONT');
  }
}

function descendants(pid: number): number[] {
  const table = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' });
  const rows = table.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  const below = (parent: number): number[] =>
    rows.flatMap(([child, of]) => (of === parent && child !== undefined ? [child, ...below(child)] : []));
  return below(pid);
}
