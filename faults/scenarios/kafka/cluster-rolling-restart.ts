import type { KafkaCluster } from '../../servers/kafka-cluster';
import type { Scenario, Scene } from '../../runner/scenario';

export const clusterRollingRestart: Scenario = {
  name: 'cluster-rolling-restart',
  group: 'kafka',
  about:
    'three brokers, three replicas: each is shut down and started again in turn, so that all leaders and coordinators move',
  faults: ['node_restarted'],
  stack: 'cluster',
  plan: (random) => ({ order: random.shuffled([0, 1, 2]) }),
  async run(scene, plan) {
    for (const index of plan['order'] as readonly number[]) {
      const node = nodeOf(scene, index);
      await scene.strike('node_restarted', async (fired) => {
        fired(`node ${index + 1}`);
        await node.restart('kafka');
      });
      await scene.traffic.reached(scene.traffic.acknowledged.length + 30);
    }
  },
};

export function nodeOf(scene: Scene, index: number): KafkaCluster['nodes'][number] {
  const node = scene.servers.cluster?.nodes[index];
  if (node === undefined) throw new Error(`there is no broker ${index + 1}: this scenario needs the cluster`);
  return node;
}
