import { setTimeout as delay } from 'node:timers/promises';
import type { Scenario } from '../../runner/scenario';
import { nodeOf } from './cluster-rolling-restart';

export const clusterNodesDown: Scenario = {
  name: 'cluster-nodes-down',
  group: 'kafka',
  about:
    'three brokers: one is killed and publishing goes on without it; then two are killed, nothing can be acknowledged until they are back',
  faults: ['one_node_killed', 'two_nodes_killed'],
  stack: 'cluster',
  plan: (random) => ({ victims: random.shuffled([0, 1, 2]), downMs: random.int(5_000, 12_000) }),
  async run(scene, plan) {
    const [first = 0, second = 1] = plan['victims'] as readonly number[];
    // Caught up while the node is still away: two of three are enough.
    await scene.strike('one_node_killed', async (fired) => {
      nodeOf(scene, first).kill('kafka', 'SIGKILL');
      fired(`node ${first + 1}`);
      await delay(Number(plan['downMs']));
    });
    await nodeOf(scene, first).restart('kafka');
    await scene.strike(
      'two_nodes_killed',
      async (fired) => {
        for (const index of [first, second]) nodeOf(scene, index).kill('kafka', 'SIGKILL');
        fired(`nodes ${first + 1} and ${second + 1}`);
        await delay(Number(plan['downMs']));
        await Promise.all([first, second].map((index) => nodeOf(scene, index).restart('kafka')));
      },
      { deadlineMs: 90_000 },
    );
  },
};
