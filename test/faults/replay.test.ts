import { setTimeout as delay } from 'node:timers/promises';
import { createPool } from '../../src/postgres/pool';
import type { FailpointName } from '../../src/failpoints/plan';
import { requestReplay } from '../../src/postgres/replay-control';
import { listReplays } from '../../src/postgres/replays';
import { kafkaOf } from '../support/events';
import { expectClean, faultRun, sharedServers, workerDiesAt } from '../support/fault-run';

/** The steps between which a batch of copies lies in Postgres, in Kafka, or in both. */
const SITES: readonly FailpointName[] = [
  'after_record',
  'mid_send',
  'before_commit',
  'after_kafka_commit',
  'before_settle',
  'after_settle',
];

describe('kill -9 while replays run beside live traffic', () => {
  it(
    'each event is published once, and once more for each replay',
    () =>
      faultRun(
        { name: 'replay', servers: sharedServers(), tenantCount: 2, traffic: { pauseMs: 300, actors: 4 } },
        async ({ rig, tenants, traffic }) => {
          const pool = createPool(rig.direct.databaseUrl, { max: 2 });
          try {
            const first = await rig.worker();
            await delay(2_000);
            await first.child.stop();
            for (const name of SITES) {
              for (const tenant of tenants) {
                // The same id twice: one effect.
                for (let i = 0; i < 2; i += 1) {
                  await requestReplay(pool, kafkaOf(tenant), {
                    ...{ replayId: `r-${name}`, by: 'test', why: 'a crash test' },
                    filter: { status: 'published', after: '2000-01-01' },
                  });
                }
              }
              await workerDiesAt(rig, name, 3);
            }
            await rig.worker();
            await delay(500);
            await traffic.stop();
            const deadline = Date.now() + 60_000;
            const open = async (): Promise<number> =>
              (await listReplays(pool)).filter((replay) => replay.state !== 'done').length;
            while ((await open()) > 0 && Date.now() < deadline) await delay(100);
            const replays = await listReplays(pool);
            expect(replays.map(({ state }) => state)).toEqual(Array(SITES.length * 2).fill('done'));
            for (const { total, published, failed } of replays) expect(published + failed).toBe(total);
            const report = await rig.settleAndAudit(traffic.acknowledged, { fired: SITES, minEvents: 50 });
            expectClean(report);
            expect(report.replays).toBe(replays.reduce((sum, { total }) => sum + total, 0));
            expect(report.replays).toBeGreaterThan(100);
          } finally {
            await pool.end();
          }
        },
      ),
    240_000,
  );
});
