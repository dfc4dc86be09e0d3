import { Client, Connection } from '@temporalio/client';
import { setTimeout as delay } from 'node:timers/promises';
import { publisherId } from '../../src/domain/publisher';
import type { Rig } from '../../faults/harness/rig';
import type { Draft } from '../../faults/traffic/drafts';
import { enqueueAll, expectClean, faultRun, sharedServers, until } from '../support/fault-run';

/** Nobody looks at a sleeping publisher, so each way of losing its wake must be healed by somebody. */
describe('lost wakes', () => {
  const options = { name: 'wake', servers: sharedServers(), tenantCount: 3, traffic: { actors: 0 } };
  let made = 0;
  const draft = (rig: Rig, tenant: string): Draft => {
    made += 1;
    return {
      tenant,
      topic: `${rig.options.name}-orders`,
      type: 'made',
      key: null,
      dedupeKey: `wake-${made}`,
      headers: null,
      payload: '{}',
    };
  };
  const allAsleep = (rig: Rig, tenants: readonly string[]): Promise<void> =>
    until('every publisher asleep', async () => {
      const rows = await rig.installation.query(`select 1 from outbox.publishers where state = 'sleeping'`);
      return rows.length === tenants.length;
    });

  it(
    'are healed: NOTIFY lost, signal lost, workflow terminated',
    () =>
      faultRun(options, async ({ rig, tenants }) => {
        await rig.worker();
        const event = (): Promise<Awaited<ReturnType<typeof enqueueAll>>> =>
          enqueueAll(
            rig,
            tenants.map((tenant) => draft(rig, tenant)),
          );
        const events = await event();
        await rig.installation.untilDrained(30_000);
        await allAsleep(rig, tenants);

        await rig.installation.query('alter table outbox.events disable trigger wake_publishers');
        rig.faults.fired('notify_lost', 'trigger disabled');
        events.push(...(await event()));
        await rig.installation.untilDrained(15_000);
        await rig.installation.query('alter table outbox.events enable trigger wake_publishers');
        await allAsleep(rig, tenants);

        rig.temporal.cut('signal_lost', true);
        events.push(...(await event()));
        await delay(1_500);
        rig.temporal.heal();
        await rig.installation.untilDrained(30_000);
        await allAsleep(rig, tenants);

        const connection = await Connection.connect({ address: options.servers.temporalAddress });
        const { workflow } = new Client({ connection });
        for (const tenant of tenants) {
          await workflow.getHandle(publisherId({ tenant, destination: 'kafka', shard: 0 })).terminate('fault test');
          rig.faults.fired('workflow_terminated', tenant);
        }
        await connection.close();
        events.push(...(await event()));
        await rig.installation.untilDrained(30_000);
        expectClean(
          await rig.settleAndAudit(events, {
            fired: ['notify_lost', 'signal_lost', 'workflow_terminated'],
            minEvents: 12,
          }),
        );
      }),
    180_000,
  );

  it(
    'and workflows terminated in the middle of their drains',
    () =>
      faultRun({ ...options, name: 'terminate', traffic: { pauseMs: 100 } }, async ({ rig, tenants, traffic }) => {
        await rig.worker();
        await traffic.reached(50);
        const connection = await Connection.connect({ address: options.servers.temporalAddress });
        const { workflow } = new Client({ connection });
        for (let round = 0; round < 3; round += 1) {
          for (const tenant of tenants) {
            await workflow
              .getHandle(publisherId({ tenant, destination: 'kafka', shard: 0 }))
              .terminate('fault test')
              .then(() => rig.faults.fired('workflow_terminated', tenant))
              // Already terminated and not woken again yet.
              .catch(() => undefined);
          }
          await delay(1_500);
        }
        await connection.close();
        await traffic.stop();
        expectClean(
          await rig.settleAndAudit(traffic.acknowledged, { fired: ['workflow_terminated'], deadlineMs: 60_000 }),
        );
      }),
    180_000,
  );
});
