import { setTimeout as delay } from 'node:timers/promises';
import type { Scenario } from '../../runner/scenario';

export const allWorkersKilled: Scenario = {
  name: 'all-workers-killed',
  group: 'worker',
  about: 'kill -9 of all workers at once, again and again every few seconds; every tenant must have progressed',
  faults: ['all_workers_killed'],
  plan: (random, seconds) => ({
    livesMs: Array.from({ length: Math.max(3, Math.round(seconds / 3)) }, () => random.int(300, 3_000)),
  }),
  async run(scene, plan) {
    let workers = [...scene.workers];
    for (const lifeMs of plan['livesMs'] as readonly number[]) {
      await delay(lifeMs);
      await scene.strike('all_workers_killed', async (fired) => {
        for (const { child } of workers) child.signal('SIGKILL');
        fired(`SIGKILL to ${workers.length}`);
        workers = await Promise.all([scene.worker(), scene.worker()]);
      });
    }
  },
};
