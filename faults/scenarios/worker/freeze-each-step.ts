import { setTimeout as delay } from 'node:timers/promises';
import type { FailpointName } from '../../../src/failpoints/plan';
import { untilTakenOver, workerFreezesAt } from '../../harness/struck-workers';
import type { Service } from '../../harness/service-process';
import type { Scenario } from '../../runner/scenario';

/** Just before each write of a relay, and where Kafka and Postgres differ most. */
const FREEZES: readonly FailpointName[] = [
  'relay_before_fence',
  'relay_after_init',
  'relay_after_barrier',
  'relay_before_adopt',
  'relay_before_attach',
  'relay_after_claim',
  'relay_added',
  'relay_sent',
  'relay_committed',
  'relay_before_settle',
  'relay_before_detach',
];

export const freezeEachStep: Scenario = {
  name: 'freeze-each-step',
  group: 'worker',
  about:
    'SIGSTOP at every step of relays, take-over by others, SIGCONT: the zombies change nothing, then all work side by side',
  faults: FREEZES,
  tenants: 12,
  workers: 0,
  traffic: { pauseMs: 120 },
  plan: (random) => ({ order: random.shuffled(FREEZES) }),
  async run(scene, plan) {
    const frozen: Service[] = [];
    await scene.strike(FREEZES, async () => {
      // No healthy worker yet: it would keep the tenants that are attached to it.
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
