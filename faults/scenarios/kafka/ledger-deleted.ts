import { ledgerGroup } from '../../../src/domain/publisher';
import { withAdmin } from '../../harness/topics';
import type { Scenario } from '../../runner/scenario';

export const ledgerDeleted: Scenario = {
  name: 'ledger-deleted',
  group: 'kafka',
  about:
    'somebody deletes the ledgers: their log still says what Kafka holds, and every publisher goes on by that (where the log may not be read, they halt)',
  faults: ['ledgers_deleted'],
  tenants: 3,
  async run(scene) {
    const { installation } = scene.rig;
    await scene.strike('ledgers_deleted', async (fired) => {
      await scene.traffic.reached(60);
      scene.traffic.pause();
      await installation.untilDrained(30_000);
      for (const { child } of scene.workers) await child.stop();
      const [row] = await installation.query<{ id: string }>('select install_id as id from outbox.installation');
      const groups = scene.tenants.map((tenant) =>
        ledgerGroup(row?.id ?? '', { tenant, destination: 'kafka', shard: 0 }),
      );
      await withAdmin(scene.servers.addresses.kafkaBrokers, (admin) => admin.deleteGroups(groups));
      fired(groups.join(' '));
      await scene.worker();
      scene.traffic.resume();
      await scene.traffic.reached(scene.traffic.acknowledged.length + 30);
    });
  },
};
