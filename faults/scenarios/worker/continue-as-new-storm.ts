import { setTimeout as delay } from 'node:timers/promises';
import { publisherId } from '../../../src/domain/publisher';
import { withTemporal } from '../../acts/temporal';
import type { Scenario } from '../../runner/scenario';

export const continueAsNewStorm: Scenario = {
  name: 'continue-as-new-storm',
  group: 'worker',
  about:
    'a history may hold 50 events only, and every publisher is woken by a signal all the time: it continues as new every few drains',
  faults: ['continued_as_new'],
  tenants: 4,
  workerEnv: { OUTBOX_MAX_HISTORY_EVENTS: '50', OUTBOX_LINGER: '20ms' },
  quick: true,
  async run(scene) {
    await withTemporal(scene, async ({ workflow }) => {
      await scene.strike('continued_as_new', async (fired) => {
        const end = Date.now() + scene.seconds * 1_000;
        while (Date.now() < end) {
          for (const tenant of scene.tenants) {
            // Between two runs there is no workflow to signal; the product itself signals with start.
            await workflow
              .getHandle(publisherId({ tenant, destination: 'kafka', shard: 0 }))
              .signal('wake')
              .catch(() => undefined);
          }
          await delay(40);
        }
        for (const tenant of scene.tenants) {
          const id = publisherId({ tenant, destination: 'kafka', shard: 0 });
          const query = `WorkflowId = '${id}' and ExecutionStatus = 'ContinuedAsNew'`;
          for await (const { runId } of workflow.list({ query })) fired(`${id} ${runId}`);
        }
      });
    });
  },
};
