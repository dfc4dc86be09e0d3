import { Standby } from '../../faults/servers/standby';
import { startFaultStack } from '../../faults/servers/fault-stack';
import type { FaultStack } from '../../faults/servers/fault-stack';
import { FaultLog } from '../../faults/proxy/fault-log';
import { TcpProxy } from '../../faults/proxy/tcp-proxy';
import { join } from 'node:path';
import { faultRun, sharedServers, until } from '../support/fault-run';
import { relaysNow, rowsOf, untilRecovered } from '../support/relay-state';

/**
 * Asynchronous replication that lags, then a primary that dies and a standby that is promoted at the same address, under load. Nobody is asked:
 * what Kafka has is not sent again, what is new is sent, and what the standby lacks is counted.
 */
describe('a standby that is promoted without its last commits', () => {
  let servers: FaultStack;
  let front: TcpProxy;
  let stream: TcpProxy;
  let standby: Standby | null = null;
  beforeAll(async () => {
    servers = await startFaultStack(['postgres']);
    const log = new FaultLog(join(servers.dataDir, 'proxies.ndjson'));
    const serverPort = Number(new URL(servers.stack.databaseUrl).port);
    front = await TcpProxy.start({ serverPort, log });
    stream = await TcpProxy.start({ serverPort, log });
  }, 120_000);
  afterAll(async () => {
    await standby?.stop();
    await Promise.all([front.close(), stream.close()]);
    await servers.stop();
  });

  it('goes on by itself, also where the dead server is one that it has never heard of', () => {
    const { stack, dataDir } = servers;
    const url = new URL(stack.databaseUrl);
    url.port = String(front.port);
    const addresses = { ...sharedServers(), databaseUrl: url.href };
    return faultRun(
      { name: 'standby', servers: addresses, tenantCount: 4, traffic: { pauseMs: 60 } },
      async ({ rig, traffic }) => {
        await rig.worker();
        await traffic.reached(80);
        standby = await Standby.start({ dataDir, databaseUrl: stack.databaseUrl, streamPort: stream.port });
        await traffic.reached(traffic.acknowledged.length + 80);
        stream.pause('replication_lags');
        // Another identity, of which the standby hears nothing.
        await stack.restart('postgres');
        await untilRecovered(rig);
        await traffic.reached(traffic.acknowledged.length + 150, 60_000);

        const at = Date.now();
        front.cut('primary_killed', true);
        stack.kill('postgres', 'SIGKILL');
        stream.cut('primary_killed', true);
        await until('Postgres to end', () => stack.pids.postgres === undefined);
        await standby.promote();
        front.leadTo(standby.port);
        front.heal();
        rig.faults.fired('standby_promoted', String(standby.port));
        await untilRecovered(rig);
        const recoverySeconds = (Date.now() - at) / 1_000;
        await traffic.reached(traffic.acknowledged.length + 150, 60_000);
        await traffic.stop();
        const acknowledged = [...traffic.acknowledged];
        const fired = ['standby_promoted'];
        const report = await rig.settleAndAudit(acknowledged, { fired, minEvents: 300, deadlineMs: 60_000 });

        const sure = acknowledged.filter(({ maybe }) => maybe !== true);
        const absent = sure.length - (await rowsOf(rig, sure));
        const { strangers, halted, generations } = await relaysNow(rig);
        const { missing, ...others } = report.findings;
        const lost = missing?.count ?? 0;
        process.stderr.write(
          `fail-over: ${absent} events are not in the promoted database, ${strangers} of its relays' members, ${lost} lost unpublished, ${report.idsGivenAgain} ids given again; ${recoverySeconds.toFixed(1)} s\n`,
        );
        expect([halted, generations]).toEqual([0, [0]]);
        // Something was lost on both sides of being published, and each is known.
        expect(strangers).toBeGreaterThan(0);
        const unsure = acknowledged.length - sure.length;
        expect(absent - lost).toBeLessThanOrEqual(strangers);
        expect(absent - lost).toBeGreaterThanOrEqual(strangers - unsure);
        expect(Object.entries(others).filter(([, { count }]) => count > 0)).toEqual([]);
      },
    );
  }, 300_000);
});
