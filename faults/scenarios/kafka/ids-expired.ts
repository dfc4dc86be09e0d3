import { setTimeout as delay } from 'node:timers/promises';
import { ledgerGroup } from '../../../src/domain/publisher';
import { withAdmin } from '../../harness/topics';
import { until } from '../../harness/waiting';
import type { Scenario, Scene } from '../../runner/scenario';

export const idsExpired: Scenario = {
  name: 'ids-expired',
  group: 'kafka',
  about:
    'the broker forgets transactional ids and producer ids of idle publishers (3 s), later their ledgers too (1 min): both begin anew by themselves',
  faults: ['ids_expired', 'ledgers_expired'],
  stack: 'forgetful',
  tenants: 3,
  async run(scene) {
    await scene.strike('ids_expired', async (fired) => {
      await quiet(scene);
      // Expiry 3 s, looked for every second.
      await delay(6_000);
      fired('idle for 6 s');
      scene.traffic.resume();
      await scene.traffic.reached(scene.traffic.acknowledged.length + 30);
    });
    await scene.strike('ledgers_expired', async (fired) => {
      await quiet(scene);
      await until('all ledgers gone', async () => (await ledgers(scene)) === 0, 120_000);
      fired('no ledger left');
      scene.traffic.resume();
      await scene.traffic.reached(scene.traffic.acknowledged.length + 30);
    });
  },
};

async function quiet(scene: Scene): Promise<void> {
  scene.traffic.pause();
  await scene.rig.installation.untilDrained(30_000);
}

/** How many publishers' ledgers the broker still knows. */
async function ledgers(scene: Scene): Promise<number> {
  const [row] = await scene.rig.installation.query<{ id: string }>('select install_id as id from outbox.installation');
  const ours = scene.tenants.map((tenant) => ledgerGroup(row?.id ?? '', { tenant, destination: 'kafka', shard: 0 }));
  return withAdmin(scene.servers.addresses.kafkaBrokers, async (admin) => {
    const { groups } = await admin.listGroups();
    return groups.filter(({ groupId }) => ours.includes(groupId)).length;
  });
}
