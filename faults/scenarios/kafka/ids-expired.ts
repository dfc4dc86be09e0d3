import { setTimeout as delay } from 'node:timers/promises';
import type { Scenario } from '../../runner/scenario';

export const idsExpired: Scenario = {
  name: 'ids-expired',
  group: 'kafka',
  about:
    'the broker forgets transactional ids and producer ids of idle relays (3 s): they are taken over by themselves',
  faults: ['ids_expired'],
  stack: 'forgetful',
  tenants: 3,
  async run(scene) {
    await scene.strike('ids_expired', async (fired) => {
      scene.traffic.pause();
      await scene.rig.installation.untilDrained(30_000);
      // Expiry 3 s, looked for every second.
      await delay(6_000);
      fired('idle for 6 s');
      scene.traffic.resume();
      await scene.traffic.reached(scene.traffic.acknowledged.length + 30);
    });
  },
};
