import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { auditKafka } from '../../acts/kafka-audit';
import { plainDraft } from '../../acts/poison';
import { until } from '../../harness/waiting';
import type { Scenario, Scene } from '../../runner/scenario';
import { enqueueAll } from '../../traffic/enqueue-all';

export const olderCopy: Scenario = {
  name: 'older-copy',
  group: 'postgres',
  about:
    'Postgres is restored from a physical copy that is older than what was published: it is repaired from the ledger, nothing is sent twice',
  faults: ['older_copy_restored'],
  tenants: 3,
  async run(scene) {
    const { installation } = scene.rig;
    const cluster = join(scene.servers.of('postgres').dataDir, 'postgres', 'cluster');
    const copy = `${cluster}.older`;
    const stopped = async (work: () => void): Promise<void> => {
      const { stack } = scene.servers.of('postgres');
      stack.kill('postgres', 'SIGINT');
      await until('Postgres to end', () => stack.pids.postgres === undefined);
      work();
      await stack.restart('postgres');
    };
    try {
      await scene.traffic.reached(60);
      scene.traffic.pause();
      await installation.untilDrained(30_000);
      // cp keeps owner and mode, which Postgres insists on; Node's own copying does not.
      await stopped(() => execFileSync('cp', ['-a', cluster, copy]));
      scene.traffic.resume();
      await scene.traffic.reached(scene.traffic.acknowledged.length + 60);
      scene.produced(await oneEach(scene));
      await scene.traffic.stop();
      await installation.untilDrained(30_000);
      const before = [...scene.traffic.acknowledged];
      await stopped(() => {
        rmSync(cluster, { recursive: true });
        execFileSync('mv', [copy, cluster]);
      });
      scene.rig.faults.fired('older_copy_restored', cluster);
      // They get ids that lost events had: should one be taken for the other, the audit sees a double or misses one.
      const fresh = await oneEach(scene);
      await installation.untilDrained(60_000);
      return await auditKafka(scene, [...before, ...scene.extra, ...fresh], ['older_copy_restored']);
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  },
};

function oneEach(scene: Scene): ReturnType<typeof enqueueAll> {
  const drafts = scene.tenants.map((tenant) => plainDraft(tenant, scene.topics[0] ?? ''));
  return enqueueAll(scene.rig.direct.databaseUrl, drafts);
}
