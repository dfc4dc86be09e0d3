import { setTimeout as delay } from 'node:timers/promises';
import { killWorker, freezeWorker } from '../../acts/workers';
import type { Scenario } from '../../runner/scenario';

export const strikeAtRandom: Scenario = {
  name: 'strike-at-random',
  group: 'worker',
  about: 'kill -9 and SIGSTOP (longer than a lease) of workers at moments that the seed decides',
  faults: ['worker_killed', 'worker_frozen'],
  tenants: 8,
  workers: 3,
  quick: true,
  plan: (random, seconds) => {
    const strikes = Math.max(3, Math.round(seconds / 3));
    return {
      // At least one of each.
      kinds: [
        'killed',
        'frozen',
        ...Array.from({ length: strikes - 2 }, () => random.pick(['killed', 'killed', 'frozen'])),
      ],
      victims: Array.from({ length: strikes }, () => random.int(0, 2)),
      pausesMs: Array.from({ length: strikes }, () => random.int(100, 1_500)),
    };
  },
  async run(scene, plan) {
    const workers = [...scene.workers];
    const kinds = plan['kinds'] as readonly string[];
    for (const [index, kind] of kinds.entries()) {
      await delay((plan['pausesMs'] as readonly number[])[index] ?? 0);
      const victim = (plan['victims'] as readonly number[])[index] ?? 0;
      if (kind === 'frozen') await freezeWorker(scene, workers[victim], 7_000);
      else workers[victim] = await killWorker(scene, workers[victim]);
    }
  },
};
