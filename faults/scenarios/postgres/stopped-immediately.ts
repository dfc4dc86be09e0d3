import { killServer } from '../../acts/servers';
import type { Scenario } from '../../runner/scenario';

export const stoppedImmediately: Scenario = {
  name: 'stopped-immediately',
  group: 'postgres',
  about:
    'the immediate shutdown of Postgres (SIGQUIT, no checkpoint, no good-byes) under load, and crash recovery; twice',
  faults: ['postgres_stopped_immediately'],
  quick: true,
  plan: (random) => ({ downMs: [random.int(500, 1_500), random.int(2_000, 8_000)] }),
  async run(scene, plan) {
    for (const downMs of plan['downMs'] as readonly number[]) {
      await killServer(scene, 'postgres_stopped_immediately', 'postgres', { downMs, signal: 'SIGQUIT' });
      await scene.traffic.reached(scene.traffic.acknowledged.length + 30);
    }
  },
};
