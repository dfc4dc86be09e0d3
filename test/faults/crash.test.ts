import type { FailpointName } from '../../src/failpoints/plan';
import { expectClean, faultRun, sharedServers, stopsCleanly, until, workerDiesAt } from '../support/fault-run';

/** Each take-over comes by these; a worker's first one is of its own relay or of one that nobody held. */
const TAKE_OVER: readonly FailpointName[] = [
  'relay_before_fence',
  'relay_after_fence',
  'relay_after_init',
  'relay_after_barrier',
  'relay_after_chunk',
  'relay_after_recovered',
  'relay_before_adopt',
  'relay_after_adopt',
  'relay_before_attach',
  'relay_after_attach',
];
/** Ordinary traffic comes by these again and again. */
const LOOP: readonly FailpointName[] = [
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

/**
 * A worker is killed with SIGKILL at every step of a relay while traffic of twelve tenants flows; each time another one takes over its relay
 * and with it the tenants that were attached. Whatever state that leaves, every accepted event arrives once and in order.
 */
describe('kill -9 at every step of a relay', () => {
  it.each([
    ['from the fence to the set', TAKE_OVER, 1],
    ['from the claim to the outcome', LOOP, 2],
  ] as const)(
    '%s',
    (_, names, hit) =>
      faultRun(
        { name: 'crash', servers: sharedServers(), tenantCount: 12, traffic: { pauseMs: 150 } },
        async ({ rig, traffic }) => {
          for (const name of names) await workerDiesAt(rig, name, hit);
          const survivor = await rig.worker();
          const before = traffic.acknowledged.length;
          await until('events of the time after the last crash', () => traffic.acknowledged.length >= before + 30);
          await traffic.stop();
          expectClean(await rig.settleAndAudit(traffic.acknowledged, { fired: [...names], minEvents: 200 }));
          await stopsCleanly(survivor);
        },
      ),
    300_000,
  );
});
