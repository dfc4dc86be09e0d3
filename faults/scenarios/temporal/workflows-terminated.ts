import { setTimeout as delay } from 'node:timers/promises';
import { publisherId } from '../../../src/domain/publisher';
import { withTemporal } from '../../acts/temporal';
import type { Scenario } from '../../runner/scenario';

export const workflowsTerminated: Scenario = {
  name: 'workflows-terminated',
  group: 'temporal',
  about:
    'an operator terminates every publisher in the middle of its drains, again and again: the sweep starts them anew',
  faults: ['workflow_terminated'],
  quick: true,
  async run(scene) {
    await withTemporal(scene, async ({ workflow }) => {
      for (let round = 0; round < 3; round += 1) {
        await scene.strike('workflow_terminated', async (fired) => {
          for (const tenant of scene.tenants) {
            await workflow
              .getHandle(publisherId({ tenant, destination: 'kafka', shard: 0 }))
              .terminate('fault test')
              .then(() => fired(tenant))
              // Already terminated and not woken again yet.
              .catch(() => undefined);
          }
        });
        await delay(500);
      }
    });
  },
};
