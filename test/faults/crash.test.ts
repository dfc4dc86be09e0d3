import { setTimeout as delay } from 'node:timers/promises';
import type { FailpointName } from '../../src/failpoints/plan';
import { expectClean, faultRun, sharedServers, stopsCleanly, workerDiesAt } from '../support/fault-run';

/** Crash sites that ordinary traffic reaches; those of parking and recording anew are in crash-parking.test.ts. */
const FIRST: readonly FailpointName[] = [
  'before_fence',
  'after_fence',
  'after_init_producer',
  'after_ledger_read',
  'before_record',
  'after_record',
  'mid_send',
  'after_send',
  // Only a take-over of what the worker before left in doubt comes by here.
  'after_ledger_log',
];
const SECOND: readonly FailpointName[] = [
  'after_ledger_write',
  'before_commit',
  'after_kafka_commit',
  'before_settle',
  'after_settle',
  'before_sleep',
  'after_sleep',
];

/**
 * A worker is killed with SIGKILL at every step of the drain while traffic flows; each time another takes over. Whatever
 * state that leaves in Postgres and Kafka, every accepted event arrives once and in order.
 */
describe('kill -9 at every step of the drain', () => {
  it.each([
    ['from the fence to the send', FIRST],
    ['from the ledger to sleep', SECOND],
  ])(
    '%s',
    (_, names) =>
      faultRun(
        { name: 'crash', servers: sharedServers(), tenantCount: 12, traffic: { pauseMs: 150 } },
        async ({ rig, traffic }) => {
          // On the second hit, so that a worker mostly dies with batches of its own behind it.
          for (const name of names) await workerDiesAt(rig, name, name === 'after_ledger_log' ? 1 : 2);
          const survivor = await rig.worker();
          await delay(500);
          await traffic.stop();
          expectClean(await rig.settleAndAudit(traffic.acknowledged, { fired: names, minEvents: 200 }));
          await stopsCleanly(survivor);
        },
      ),
    240_000,
  );
});
