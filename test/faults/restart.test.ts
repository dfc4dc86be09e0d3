import { setTimeout as delay } from 'node:timers/promises';
import { startFaultStack } from '../../faults/servers/fault-stack';
import type { FaultStack } from '../../faults/servers/fault-stack';
import { SERVER_NAMES } from '../../src/stack/guard-protocol';
import { expectClean, faultRun, stopsCleanly } from '../support/fault-run';

/** Servers die under a running installation with events in flight, one by one and all at once, workers too. */
describe('restart of the whole stack', () => {
  let servers: FaultStack;
  beforeAll(async () => {
    servers = await startFaultStack(SERVER_NAMES);
  }, 120_000);
  afterAll(() => servers.stop());

  it('loses and doubles nothing', () => {
    const { stack } = servers;
    const addresses = {
      databaseUrl: stack.databaseUrl,
      kafkaBrokers: stack.kafkaBrokers,
      temporalAddress: stack.temporalAddress,
    };
    return faultRun(
      { name: 'restart', servers: addresses, tenantCount: 6, http: true, traffic: { pauseMs: 100 } },
      async ({ rig, traffic }) => {
        const [first, second] = [await rig.worker(), await rig.worker()];
        await traffic.reached(100);
        for (const name of SERVER_NAMES) {
          stack.kill(name, 'SIGKILL');
          rig.faults.fired(`${name}_killed`, 'SIGKILL');
          await delay(500);
          await stack.restart(name);
          await traffic.reached(traffic.acknowledged.length + 20, 60_000);
        }
        for (const name of SERVER_NAMES) stack.kill(name, 'SIGKILL');
        first.child.signal('SIGKILL');
        rig.faults.fired('all_killed', 'SIGKILL');
        await Promise.all(SERVER_NAMES.map((name) => stack.restart(name)));
        await traffic.reached(traffic.acknowledged.length + 20, 60_000);
        await traffic.stop();
        const fired = [...SERVER_NAMES.map((name) => `${name}_killed`), 'all_killed'];
        expectClean(await rig.settleAndAudit(traffic.acknowledged, { fired, minEvents: 150, deadlineMs: 90_000 }));
        await stopsCleanly(second);
      },
    );
  }, 300_000);
});
