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

/** Just before each write of a relay, and where Kafka and Postgres differ most. Parking: parking.test.ts. */
const FREEZES: readonly FailpointName[] = [
  'relay_before_attach',
  'relay_after_claim',
  'relay_added',
  'relay_sent',
  'relay_committed',
  'relay_before_settle',
  'relay_before_detach',
];

/**
 * Workers freeze (SIGSTOP) in the middle of their relays' work, others take over, then the frozen ones go on as if nothing had
 * happened. Kafka's epoch stops what they send, the fence what they write. Afterwards all workers run side by side.
 */
describe('frozen workers that come back', () => {
  it(
    'change nothing that was taken over',
    () =>
      faultRun(
        { name: 'zombie', servers: sharedServers(), tenantCount: 12, traffic: { pauseMs: 150 } },
        async ({ rig, traffic }) => {
          // No healthy worker yet: it would keep the tenants that are attached to it.
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
