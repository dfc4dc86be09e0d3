import { setTimeout as delay } from 'node:timers/promises';
import type { FailpointName } from '../../../src/failpoints/plan';
import { untilFired } from '../../harness/waiting';
import type { Scenario } from '../../runner/scenario';

const BLOCKS: readonly FailpointName[] = ['relay_sent', 'relay_committed', 'relay_before_settle'];
/** Longer than a lease (4 s) and than the transaction time-out of the harness (6 s). */
const BLOCK_MS = 9_000;

export const eventLoopBlocked: Scenario = {
  name: 'event-loop-blocked',
  group: 'worker',
  about:
    'the event loop of a worker stands still for 9 s in mid-transaction: no lease renewed, no answer read; another takes over',
  faults: BLOCKS,
  workers: 0,
  async run(scene) {
    for (const name of BLOCKS) {
      const failpoints = `${name}=block:${BLOCK_MS}:2`;
      const victim = await scene.rig.launch({ failpoints, env: { OUTBOX_LINGER: '20ms' } });
      await untilFired(scene.rig.faults.path, name);
      const other = await scene.worker();
      await scene.strike(name, () => delay(BLOCK_MS));
      // The next round must find no worker that would take its drains.
      await Promise.all([victim.child.stop(), other.child.stop()]);
    }
    await scene.worker();
  },
};
