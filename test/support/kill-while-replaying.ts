import { setTimeout as delay } from 'node:timers/promises';
import type { FailpointName } from '../../src/failpoints/plan';
import { createPool } from '../../src/postgres/pool';
import { requestReplay } from '../../src/postgres/replay-control';
import { listReplays } from '../../src/postgres/replays';
import { kafkaOf } from './events';
import { expectClean, faultRun, sharedServers, workerDiesAt } from './fault-run';

/** A step, and which time that a worker comes by it it is killed. */
type Site = readonly [name: FailpointName, hit: number];

/**
 * Kills a worker at each of these steps while replays run beside live traffic: each event is published once, and once more for each replay.
 * Between the steps a batch of copies lies in Postgres, in Kafka, or in both.
 */
export function killWhileReplaying(name: string, sites: readonly Site[]): Promise<void> {
  return faultRun(
    { name, servers: sharedServers(), tenantCount: 2, traffic: { pauseMs: 300, actors: 4 } },
    async ({ rig, tenants, traffic }) => {
      const pool = createPool(rig.direct.databaseUrl, { max: 2 });
      try {
        const first = await rig.worker();
        await delay(2_000);
        await first.child.stop();
        for (const [site, hit] of sites) {
          for (const tenant of tenants) {
            // The same id twice: one effect.
            for (let i = 0; i < 2; i += 1) {
              await requestReplay(pool, kafkaOf(tenant), {
                ...{ replayId: `r-${site}`, by: 'test', why: 'a crash test' },
                filter: { status: 'published', after: '2000-01-01' },
              });
            }
          }
          await workerDiesAt(rig, site, hit);
        }
        await rig.worker();
        await delay(500);
        await traffic.stop();
        const deadline = Date.now() + 60_000;
        const open = async (): Promise<number> =>
          (await listReplays(pool)).filter((replay) => replay.state !== 'done').length;
        while ((await open()) > 0 && Date.now() < deadline) await delay(100);
        const replays = await listReplays(pool);
        expect(replays.map(({ state }) => state)).toEqual(Array(sites.length * 2).fill('done'));
        for (const { total, published, failed } of replays) expect(published + failed).toBe(total);
        const report = await rig.settleAndAudit(traffic.acknowledged, {
          fired: sites.map(([site]) => site),
          minEvents: 50,
        });
        expectClean(report);
        expect(report.replays).toBe(replays.reduce((sum, { total }) => sum + total, 0));
        expect(report.replays).toBeGreaterThan(100);
      } finally {
        await pool.end();
      }
    },
  );
}
