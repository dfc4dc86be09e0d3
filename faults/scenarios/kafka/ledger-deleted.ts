import { ledgerGroup } from '../../../src/domain/publisher';
import { auditHalted, untilHalted } from '../../acts/halts';
import { plainDraft } from '../../acts/poison';
import { withAdmin } from '../../harness/topics';
import { enqueueAll } from '../../traffic/enqueue-all';
import type { Scenario } from '../../runner/scenario';

export const ledgerDeleted: Scenario = {
  name: 'ledger-deleted',
  group: 'kafka',
  about:
    'somebody deletes the ledgers: Kafka cannot say any more what it holds, so every publisher must halt and send nothing',
  faults: ['ledgers_deleted'],
  tenants: 3,
  async run(scene) {
    const { installation } = scene.rig;
    await scene.traffic.reached(60);
    await scene.traffic.stop();
    await installation.untilDrained(30_000);
    const before = [...scene.traffic.acknowledged];
    for (const { child } of scene.workers) await child.stop();
    const [row] = await installation.query<{ id: string }>('select install_id as id from outbox.installation');
    const groups = scene.tenants.map((tenant) =>
      ledgerGroup(row?.id ?? '', { tenant, destination: 'kafka', shard: 0 }),
    );
    await withAdmin(scene.servers.addresses.kafkaBrokers, (admin) => admin.deleteGroups(groups));
    scene.rig.faults.fired('ledgers_deleted', groups.join(' '));
    await scene.worker();
    const drafts = scene.tenants.map((tenant) => plainDraft(tenant, scene.topics[0] ?? ''));
    await enqueueAll(scene.rig.direct.databaseUrl, drafts);
    await untilHalted(scene);
    return auditHalted(scene, before, ['ledgers_deleted']);
  },
};
