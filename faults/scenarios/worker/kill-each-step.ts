import type { FailpointName } from '../../../src/failpoints/plan';
import { workerDiesAt } from '../../harness/struck-workers';
import type { Service } from '../../harness/service-process';
import type { Scenario } from '../../runner/scenario';

/** A worker comes by these with each of its take-overs, of which it may have few. */
const TAKE_OVER: readonly FailpointName[] = [
  'relay_before_fence',
  'relay_after_fence',
  'relay_after_init',
  'relay_after_barrier',
  'relay_after_chunk',
  'relay_after_recovered',
  'relay_before_adopt',
  'relay_after_adopt',
];
/** Where ordinary traffic comes by. Parking has a scenario of its own. */
export const STEPS: readonly FailpointName[] = [
  'relay_before_attach',
  'relay_after_attach',
  'relay_after_claim',
  'relay_added',
  'relay_sent',
  'relay_committed',
  'relay_before_settle',
  'relay_after_settle',
  'relay_before_detach',
  'relay_after_detach',
  'relay_after_complete',
];
const ALL = [...TAKE_OVER, ...STEPS];

/** So many die one after the other, each taking over what the last one left, before a healthy worker may clean up. */
const IN_A_ROW = 5;

export const killEachStep: Scenario = {
  name: 'kill-each-step',
  group: 'worker',
  about:
    'kill -9 at every step of a relay, from its take-over to the outcome of a drain, in an order that the seed decides; five die before one may recover',
  faults: ALL,
  tenants: 12,
  // A healthy worker would keep the tenants that are attached to it.
  workers: 0,
  traffic: { pauseMs: 120 },
  plan: (random) => ({ order: random.shuffled(ALL), hit: random.int(1, 3) }),
  async run(scene, plan) {
    const order = plan['order'] as readonly FailpointName[];
    for (let at = 0; at < order.length; at += IN_A_ROW) {
      const names = order.slice(at, at + IN_A_ROW);
      const healthy: Service[] = [];
      await scene.strike(names, async () => {
        for (const name of names)
          await workerDiesAt(scene.rig, name, TAKE_OVER.includes(name) ? 1 : Number(plan['hit']));
        healthy.push(await scene.worker());
      });
      for (const { child } of healthy) await child.stop();
    }
    await scene.worker();
  },
};
