import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { startFaultStack } from '../../faults/servers/fault-stack';
import type { FaultStack } from '../../faults/servers/fault-stack';
import { plainDraft } from '../../faults/acts/poison';
import { relaysNow, untilRecovered } from '../support/relay-state';
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

  it.each([
    { name: 'restored', restarts: false, does: 'is repaired from the ledger' },
    {
      name: 'restarted',
      restarts: true,
      does: 'is repaired too where the lost server is one that it has never heard of',
    },
  ])(
    '$does',
    ({ name, restarts }) => {
      const { stack } = servers;
      const cluster = join(servers.dataDir, 'postgres', 'cluster');
      const copy = `${cluster}.older`;
      const addresses = { ...sharedServers(), databaseUrl: stack.databaseUrl };
      return faultRun(
        { name, servers: addresses, tenantCount: 4, traffic: { pauseMs: 60 } },
        async ({ rig, traffic, tenants, topics }) => {
          await rig.worker();
          await traffic.reached(100);
          // Like the snapshot of a disk: whatever was being sent is pending in it.
          frozen(stack.pids.postgres ?? 0, () => execFileSync('cp', ['-a', cluster, copy]));
          await traffic.reached(traffic.acknowledged.length + 100);
          if (restarts) {
            await stack.restart('postgres');
            await untilRecovered(rig);
          }
          await traffic.reached(traffic.acknowledged.length + 100, 60_000);
          await traffic.stop();
          await rig.installation.untilDrained(60_000);
          const published = [...traffic.acknowledged];

          stack.kill('postgres', 'SIGKILL');
          await until('Postgres to end', () => stack.pids.postgres === undefined);
          rmSync(cluster, { recursive: true });
          execFileSync('mv', [copy, cluster]);
          rmSync(join(cluster, 'postmaster.pid'), { force: true });
          const at = Date.now();
          await stack.restart('postgres');
          rig.faults.fired('older_copy_restored', cluster);

          await untilRecovered(rig);
          const seconds = ((Date.now() - at) / 1_000).toFixed(1);
          const { strangers: lost, generations } = await relaysNow(rig);
          process.stderr.write(`older copy: ${lost} of the relays' members are not in it; ${seconds} s\n`);
          // Nothing but its log tells it from the lost server: from now on its generation does.
          expect(generations).toEqual([restarts ? 1 : 0]);
          expect(lost).toBeGreaterThan(0);
          const fresh = await enqueueAll(
            rig,
            tenants.map((tenant) => plainDraft(tenant, topics[0] ?? '')),
          );
          const fired = ['older_copy_restored'];
          const options = { fired, minEvents: 250, deadlineMs: 60_000 };
          const report = await rig.settleAndAudit([...published, ...fresh], options);
          // Answers that a restart cut off: such an event may have been stored and published.
          const unsure = published.filter(({ maybe }) => maybe === true).length;
          const sure = published.length + fresh.length - unsure;
          expect(report).toMatchObject({ acknowledged: sure, seen: sure });
          expect(Object.entries(report.findings).filter(([, { count }]) => count > 0)).toEqual([]);
          // What the database lost is missing from it and from nowhere else, and the relays have counted it.
          const missing = (report.balances ?? []).reduce((sum, { accepted, published: of }) => sum + accepted - of, 0);
          expect(lost).toBeGreaterThanOrEqual(missing);
          expect(lost).toBeLessThanOrEqual(missing + unsure);
        },
      );
    },
    300_000,
  );
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
