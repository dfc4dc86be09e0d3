import type { FailpointName } from '../../../src/failpoints/plan';
import { workerDiesAt } from '../../harness/struck-workers';
import type { Service } from '../../harness/service-process';
import type { Scenario } from '../../runner/scenario';

/** Where ordinary traffic comes by. Parking and recording anew have a scenario of their own. */
export const STEPS: readonly FailpointName[] = [
  'before_fence',
  'after_fence',
  'after_init_producer',
  'after_ledger_read',
  'before_record',
  'after_record',
  'mid_send',
  'after_send',
  'after_ledger_write',
  'before_commit',
  'after_kafka_commit',
  'before_settle',
  'after_settle',
  'before_sleep',
  'after_sleep',
];

/** So many die one after the other, each taking over what the last one left, before a healthy worker may clean up. */
const IN_A_ROW = 5;

export const killEachStep: Scenario = {
  name: 'kill-each-step',
  group: 'worker',
  about:
    'kill -9 at every step of the drain, D0 to D5, in an order that the seed decides; five die before one may recover',
  faults: STEPS,
  tenants: 12,
  // A healthy worker would get all drains: Temporal prefers the one that has the workflows in its cache.
  workers: 0,
  traffic: { pauseMs: 120 },
  plan: (random) => ({ order: random.shuffled(STEPS), hit: random.int(1, 3) }),
  async run(scene, plan) {
    const order = plan['order'] as readonly FailpointName[];
    for (let at = 0; at < order.length; at += IN_A_ROW) {
      const names = order.slice(at, at + IN_A_ROW);
      const healthy: Service[] = [];
      await scene.strike(names, async () => {
        for (const name of names) await workerDiesAt(scene.rig, name, Number(plan['hit']));
        healthy.push(await scene.worker());
      });
      for (const { child } of healthy) await child.stop();
    }
    await scene.worker();
  },
};
