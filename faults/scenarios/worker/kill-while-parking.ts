import type { FailpointName } from '../../../src/failpoints/plan';
import { workerDiesAt } from '../../harness/struck-workers';
import type { Service } from '../../harness/service-process';
import { createTopics, limitTopic } from '../../harness/topics';
import type { Scenario } from '../../runner/scenario';
import { enqueueAll } from '../../traffic/enqueue-all';
import { largeAndSmall } from '../../acts/poison';

const PARKING: readonly FailpointName[] = ['before_park', 'after_park'];

export const killWhileParking: Scenario = {
  name: 'kill-while-parking',
  group: 'worker',
  about: 'kill -9 around parking an event that is too large, also one that was selected while its topic still took it',
  faults: [...PARKING, 'relay_added'],
  tenants: 2,
  workers: 0,
  // Nothing else: the steps must be reached by the batches that hold the large events.
  traffic: { actors: 1 },
  async run(scene) {
    const brokers = scene.servers.addresses.kafkaBrokers;
    const [narrow, narrowed] = ['narrow', 'narrowed'].map((kind) => `${scene.rig.options.name}-${kind}`) as [
      string,
      string,
    ];
    const [tenant = ''] = scene.tenants;
    await createTopics(brokers, [narrow, narrowed], { [narrow]: 2_000 });
    scene.traffic.pause();
    const healthy: Service[] = [];
    await scene.strike(PARKING, async () => {
      scene.produced(await enqueueAll(scene.rig.direct.databaseUrl, largeAndSmall(tenant, narrow)));
      await workerDiesAt(scene.rig, 'before_park', 1);
      await workerDiesAt(scene.rig, 'after_park', 1);
      healthy.push(await scene.worker());
    });
    // The next steps must find no worker that would take the drains.
    for (const { child } of healthy) await child.stop();
    await scene.strike(['relay_added', ...PARKING], async () => {
      // Claimed while the topic still took it, refused when it is claimed again.
      scene.produced(await enqueueAll(scene.rig.direct.databaseUrl, largeAndSmall(tenant, narrowed)));
      await workerDiesAt(scene.rig, 'relay_added', 1);
      await limitTopic(brokers, narrowed, 2_000);
      await workerDiesAt(scene.rig, 'before_park', 1);
      await workerDiesAt(scene.rig, 'after_park', 1);
      await scene.worker();
    });
    scene.traffic.resume();
    await scene.traffic.reached(scene.traffic.acknowledged.length + 30);
  },
};
