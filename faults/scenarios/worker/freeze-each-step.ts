import { setTimeout as delay } from 'node:timers/promises';
import type { FailpointName } from '../../../src/failpoints/plan';
import { untilTakenOver, workerFreezesAt } from '../../harness/struck-workers';
import type { Service } from '../../harness/service-process';
import type { Scenario } from '../../runner/scenario';

/** Just before each write of a drain, and where Kafka and Postgres differ most. */
const FREEZES: readonly FailpointName[] = [
  'before_fence',
  'after_init_producer',
  'before_record',
  'mid_send',
  'before_commit',
  'after_kafka_commit',
  'before_settle',
  'before_sleep',
];

export const freezeEachStep: Scenario = {
  name: 'freeze-each-step',
  group: 'worker',
  about:
    'SIGSTOP in the middle of drains, take-over by others, SIGCONT: the zombies change nothing, then all work side by side',
  faults: FREEZES,
  tenants: 12,
  workers: 0,
  traffic: { pauseMs: 120 },
  plan: (random) => ({ order: random.shuffled(FREEZES) }),
  async run(scene, plan) {
    const frozen: Service[] = [];
    await scene.strike(FREEZES, async () => {
      // No healthy worker yet: Temporal would give every drain to the worker that has the workflows in its cache.
      for (const name of plan['order'] as readonly FailpointName[]) frozen.push(await workerFreezesAt(scene.rig, name));
      await scene.worker();
      await scene.worker();
      await untilTakenOver(scene.rig, frozen);
      for (const { child } of frozen) child.signal('SIGCONT');
    });
    await delay(3_000);
    for (const { child } of frozen)
      if (child.end !== null) throw new Error(`a thawed worker ended:\n${child.logTail()}`);
  },
};
