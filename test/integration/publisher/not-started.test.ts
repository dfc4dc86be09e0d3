import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { Rig } from '../../../faults/harness/rig';
import { sharedServers } from '../../support/fault-run';

/** Both slots of the worker are taken for so long, and a drain gives up waiting for one many times meanwhile. */
const TAKEN_MS = 6_000;
/** As histories have it; a drain that was started and lost would show another type. */
const SCHEDULE_TO_START = 2;

test('a drain that no worker starts in time is scheduled anew, and publishes once', async () => {
  const rig = await Rig.start({ name: 'notstarted', servers: sharedServers() });
  const connection = await Connection.connect({ address: sharedServers().temporalAddress });
  try {
    const client = new Client({ connection });
    await rig.worker({
      env: { OUTBOX_MAX_DRAINS: '1', OUTBOX_DRAIN_START_TIMEOUT: '1s', OUTBOX_LINGER: '0ms' },
      failpoints: `before_fence=sleep:${TAKEN_MS}:1;before_fence=sleep:${TAKEN_MS}:2`,
    });
    const tenants = await rig.tenants(3);
    for (const tenant of tenants) {
      await rig.installation.query(
        `select outbox.enqueue(tenant => $1, topic => 'notstarted', type => 't', payload => '{}'::jsonb)`,
        [tenant],
      );
      await delay(500);
    }
    await rig.installation.untilDrained(40_000);
    const rows = await rig.installation.query<{ status: string; n: number }>(
      'select status, count(*)::int as n from outbox.events group by status',
    );
    expect(rows).toEqual([{ status: 'published', n: 3 }]);

    let timeOuts = 0;
    for (const tenant of tenants) {
      const { events } = await client.workflow.getHandle(`publisher:${tenant}`).fetchHistory();
      timeOuts += (events ?? []).filter(
        (event) =>
          event.activityTaskTimedOutEventAttributes?.failure?.timeoutFailureInfo?.timeoutType === SCHEDULE_TO_START,
      ).length;
    }
    expect(timeOuts).toBeGreaterThan(0);
  } finally {
    await connection.close();
    await rig.close();
  }
});
