import type { Scenario } from '../../runner/scenario';

export const brokerRestarted: Scenario = {
  name: 'broker-restarted',
  group: 'kafka',
  about: 'the only broker is shut down in good order and started again, twice',
  faults: ['broker_restarted'],
  quick: true,
  async run(scene) {
    for (let round = 0; round < 2; round += 1) {
      await scene.strike('broker_restarted', async (fired) => {
        fired('SIGTERM');
        await scene.servers.of('kafka').stack.restart('kafka');
      });
      await scene.traffic.reached(scene.traffic.acknowledged.length + 30);
    }
  },
};
