import { killServer } from '../../acts/servers';
import type { Scenario } from '../../runner/scenario';

export const brokerKilled: Scenario = {
  name: 'broker-killed',
  group: 'kafka',
  about: 'kill -9 of the broker in the middle of transactions, back after a short and after a longer time',
  faults: ['broker_killed_short', 'broker_killed_long'],
  plan: (random) => ({ shortMs: random.int(500, 3_000), longMs: random.int(10_000, 15_000) }),
  async run(scene, plan) {
    await killServer(scene, 'broker_killed_short', 'kafka', { downMs: Number(plan['shortMs']) });
    await scene.traffic.reached(scene.traffic.acknowledged.length + 30);
    await killServer(scene, 'broker_killed_long', 'kafka', { downMs: Number(plan['longMs']) });
  },
};
