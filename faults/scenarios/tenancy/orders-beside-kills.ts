import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { publisherId } from '../../../src/domain/publisher';
import { pauseAll, resumeAll } from '../../../src/postgres/global-pause';
import { createPool } from '../../../src/postgres/pool';
import type { Client } from '@temporalio/client';
import { withTemporal } from '../../acts/temporal';
import { until } from '../../harness/waiting';
import type { Scenario, Scene } from '../../runner/scenario';

const ORDERS = ['pause', 'openBreaker', 'quota', 'stopped', 'replay', 'pauseAll'] as const;
const EACH_ROUND = 6;
const ROUND_MS = 5_000;
const BY = { by: 'faults', why: 'orders beside kills' };

export const ordersBesideKills: Scenario = {
  name: 'orders-beside-kills',
  group: 'tenancy',
  about:
    'tenants are paused, limited, stopped, replayed, their breakers opened, and everything is paused, while workers are killed; when all is taken back, each event is published once, and once more for each replay',
  faults: ['orders_beside_kills'],
  workers: 3,
  plan: (random, seconds) => {
    const rounds = Math.max(2, Math.round((seconds * 1_000) / ROUND_MS));
    const many = <T>(make: () => T): T[] => Array.from({ length: rounds * EACH_ROUND }, make);
    return {
      rounds,
      orders: many(() => random.pick(ORDERS)),
      tenants: many(() => random.int(0, 5)),
      pausesMs: many(() => random.int(20, 700)),
      killsAfter: Array.from({ length: rounds }, () => random.int(0, EACH_ROUND - 1)),
      victims: Array.from({ length: rounds }, () => random.int(0, 2)),
    };
  },
  async run(scene, plan) {
    const numbers = (name: string): readonly number[] => plan[name] as readonly number[];
    const workers = [...scene.workers];
    const pool = createPool(scene.rig.direct.databaseUrl, { max: 2 });
    try {
      for (let round = 0; round < Number(plan['rounds']); round += 1) {
        const victim = numbers('victims')[round] ?? 0;
        await scene.strike('orders_beside_kills', async (fired) => {
          await withTemporal(scene, async (client) => {
            const given: Promise<unknown>[] = [];
            for (let step = 0; step < EACH_ROUND; step += 1) {
              const index = round * EACH_ROUND + step;
              const order = (plan['orders'] as readonly (typeof ORDERS)[number][])[index] ?? 'pause';
              const tenant = scene.tenants[(numbers('tenants')[index] ?? 0) % scene.tenants.length] ?? '';
              given.push(
                give(client, pool, tenant, order, `${round}-${step}`).catch((error: unknown) =>
                  scene.log(`${order}: ${String(error)}`),
                ),
              );
              if (numbers('killsAfter')[round] === step) {
                workers[victim]?.child.signal('SIGKILL');
                fired(`SIGKILL to ${workers[victim]?.child.pid} after ${order} for ${tenant}`);
              }
              await delay(numbers('pausesMs')[index] ?? 0);
            }
            await Promise.all(given);
            await takeBack(client, pool, scene);
          });
        });
        workers[victim] = await scene.worker();
      }
      await until('the replays to end', async () => {
        const { rows } = await pool.query(`select 1 from outbox.replays where state <> 'done' limit 1`);
        return rows.length === 0;
      });
    } finally {
      await pool.end();
    }
  },
};

async function give(
  client: Client,
  pool: Pool,
  tenant: string,
  order: (typeof ORDERS)[number],
  id: string,
): Promise<unknown> {
  const handle = client.workflow.getHandle(publisherId({ tenant, destination: 'kafka', shard: 0 }));
  const update = (name: string, more: object): Promise<unknown> =>
    handle.executeUpdate(name, { args: [{ ...BY, ...more }] });
  switch (order) {
    case 'pause':
    case 'openBreaker':
      return update(order, {});
    case 'quota':
      return update('configure', { quota: { ratePerSecond: 20, burst: 20 } });
    case 'stopped':
      return update('configure', { quota: { ratePerSecond: 0 } });
    case 'replay':
      return update('replay', { replayId: `orders-${id}`, filter: { status: 'published', after: '2000-01-01' } });
    case 'pauseAll':
      return pauseAll(pool, BY);
  }
}

/** Whatever was ordered of anybody; an order on its way is answered before. */
async function takeBack(client: Client, pool: Pool, scene: Scene): Promise<void> {
  await resumeAll(pool);
  await Promise.all(
    scene.tenants.map(async (tenant) => {
      const handle = client.workflow.getHandle(publisherId({ tenant, destination: 'kafka', shard: 0 }));
      await handle.executeUpdate('configure', { args: [{ ...BY, quota: null }] });
      await handle.executeUpdate('resetBreaker', { args: [BY] });
      await handle.executeUpdate('resume', { args: [BY] });
    }),
  );
}
