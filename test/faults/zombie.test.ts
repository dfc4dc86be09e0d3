import { setTimeout as delay } from 'node:timers/promises';
import type { Service } from '../../faults/harness/service-process';
import type { FailpointName } from '../../src/failpoints/plan';
import {
  expectClean,
  faultRun,
  sharedServers,
  stopsCleanly,
  untilTakenOver,
  workerFreezesAt,
} from '../support/fault-run';

/** Just before each write of a drain, and where Kafka and Postgres differ most. Parking and recording anew: parking.test.ts. */
const FREEZES: readonly FailpointName[] = [
  'before_record',
  'mid_send',
  'before_commit',
  'after_kafka_commit',
  'before_settle',
  'before_sleep',
];

/**
 * Workers freeze (SIGSTOP) in the middle of their drains, others take over, then the frozen ones go on as if nothing had
 * happened. Kafka's epoch stops what they send, the fence what they write. Afterwards all workers run side by side.
 */
describe('frozen workers that come back', () => {
  it(
    'change nothing that was taken over',
    () =>
      faultRun(
        { name: 'zombie', servers: sharedServers(), tenantCount: 12, traffic: { pauseMs: 150 } },
        async ({ rig, traffic }) => {
          // No healthy worker yet: Temporal would give every drain to the worker that has the workflows in its cache.
          const frozen: Service[] = [];
          for (const name of FREEZES) frozen.push(await workerFreezesAt(rig, name));
          const healthy = [await rig.worker(), await rig.worker()];
          await untilTakenOver(rig, frozen);
          for (const { child } of frozen) child.signal('SIGCONT');
          await delay(3_000);
          await traffic.stop();
          expectClean(await rig.settleAndAudit(traffic.acknowledged, { fired: FREEZES, minEvents: 200 }));
          for (const service of [...healthy, ...frozen]) await stopsCleanly(service);
        },
      ),
    240_000,
  );
});
