import { setTimeout as delay } from 'node:timers/promises';
import { TERMINATE_BACKENDS } from '../../acts/sessions';
import type { Scenario } from '../../runner/scenario';

export const backendsTerminated: Scenario = {
  name: 'backends-terminated',
  group: 'postgres',
  about: 'pg_terminate_backend of every session of workers, api and producers, every 2 s',
  faults: ['backends_terminated'],
  quick: true,
  async run(scene) {
    const { installation } = scene.rig;
    await scene.strike('backends_terminated', async (fired) => {
      for (let end = Date.now() + scene.seconds * 1_000; Date.now() < end; await delay(2_000)) {
        const ended = await installation.onServer(TERMINATE_BACKENDS, [installation.name]);
        if (ended.length > 0) fired(`${ended.length} sessions`);
      }
    });
  },
};
