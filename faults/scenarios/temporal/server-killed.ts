import { killServer } from '../../acts/servers';
import type { Scenario } from '../../runner/scenario';

export const temporalKilled: Scenario = {
  name: 'temporal-killed',
  group: 'temporal',
  about: 'kill -9 of Temporal, away for 20 to 30 s: events are accepted meanwhile, and publishing resumes by itself',
  faults: ['temporal_killed'],
  plan: (random) => ({ downMs: random.int(20_000, 30_000) }),
  async run(scene, plan) {
    const before = scene.traffic.acknowledged.length;
    await killServer(scene, 'temporal_killed', 'temporal', { downMs: Number(plan['downMs']), deadlineMs: 90_000 });
    const accepted = scene.traffic.acknowledged.length - before;
    if (accepted < 30) throw new Error(`only ${accepted} events were accepted while Temporal was away`);
  },
};
