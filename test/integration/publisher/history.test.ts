import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { Rig } from '../../../faults/harness/rig';
import type { PublisherState } from '../../../src/domain/publisher-state';
import { sharedServers } from '../../support/fault-run';

/** What a take-over can replay within a workflow task on a loaded machine, with room for the last drain. */
const MOST_EVENTS = 600;
const DRAINS = 70;

test('a run ends before its history takes a take-over long to replay, by default', async () => {
  const rig = await Rig.start({ name: 'history', servers: sharedServers() });
  const connection = await Connection.connect({ address: sharedServers().temporalAddress });
  try {
    const client = new Client({ connection });
    await rig.worker({ env: { OUTBOX_LINGER: '20ms' } });
    const [tenant = ''] = await rig.tenants(1);
    const id = `publisher:${tenant}`;
    const publish = (): Promise<unknown> =>
      rig.installation.query(
        `select outbox.enqueue(tenant => $1, topic => 'history', type => 't', payload => '{}'::jsonb)`,
        [tenant],
      );
    const asleep = async (published: number): Promise<void> => {
      for (;;) {
        const state = await client.workflow
          .getHandle(id)
          .query<PublisherState>('state')
          .catch(() => null);
        if (state !== null && state.counters.published === published && !state.drain.woken) return;
        await delay(20);
      }
    };
    await publish();
    await asleep(1);
    const first = client.workflow.getHandle(id, (await client.workflow.getHandle(id).describe()).runId);
    for (let drain = 2; drain <= DRAINS; drain += 1) {
      await publish();
      await asleep(drain);
    }
    const { status, historyLength } = await first.describe();
    expect(status.name).toBe('CONTINUED_AS_NEW');
    expect(historyLength).toBeLessThan(MOST_EVENTS);
  } finally {
    await connection.close();
    await rig.close();
  }
});
