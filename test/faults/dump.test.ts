import { join } from 'node:path';
import { plainDraft } from '../../faults/acts/poison';
import { FaultLog } from '../../faults/proxy/fault-log';
import { TcpProxy } from '../../faults/proxy/tcp-proxy';
import { restoreDump, takeDump } from '../../faults/servers/dump';
import { startFaultStack } from '../../faults/servers/fault-stack';
import type { FaultStack } from '../../faults/servers/fault-stack';
import { superuserUrl, withClient } from '../../faults/servers/standby';
import { createPool } from '../../src/postgres/pool';
import { endHalts } from '../../src/postgres/relay/ways-out';
import { migrateInChild } from '../support/database';
import { enqueueAll, faultRun, sharedServers, until } from '../support/fault-run';
import { relaysNow, rowsOf, untilRecovered } from '../support/relay-state';

const RELAYS = 32;

/**
 * Production's cluster is gone, and a dump from before is restored into a fresh one. Where production was restarted after the dump nothing tells
 * which of the two is newer, so an operator says it; then what Kafka has is not sent again, what is new is, and what was lost is counted.
 */
describe('a dump that is restored into a fresh cluster', () => {
  let production: FaultStack;
  let fresh: FaultStack;
  let front: TcpProxy;
  beforeAll(async () => {
    [production, fresh] = [await startFaultStack(['postgres']), await startFaultStack(['postgres'])];
    const log = new FaultLog(join(production.dataDir, 'proxies.ndjson'));
    front = await TcpProxy.start({ serverPort: portOf(production.stack.databaseUrl), log });
  }, 120_000);
  afterAll(async () => {
    await front.close();
    await Promise.all([production.stop(), fresh.stop()]);
  });

  it('halts until it is adopted, and is repaired from the ledger then', () => {
    const url = new URL(production.stack.databaseUrl);
    url.port = String(front.port);
    const addresses = { ...sharedServers(), databaseUrl: url.href };
    return faultRun(
      { name: 'dump', servers: addresses, tenantCount: 4, traffic: { pauseMs: 60 } },
      async ({ rig, traffic, tenants, topics }) => {
        await rig.worker();
        await traffic.reached(100);
        const database = new URL(rig.direct.databaseUrl);
        const dump = await takeDump(database.href);
        await production.stack.restart('postgres');
        await untilRecovered(rig);
        await traffic.reached(traffic.acknowledged.length + 150, 60_000);
        await traffic.stop();
        await rig.installation.untilDrained(60_000);
        const published = [...traffic.acknowledged];

        front.cut('production_gone', true);
        production.stack.kill('postgres', 'SIGKILL');
        const copy = new URL(fresh.stack.databaseUrl);
        copy.pathname = database.pathname;
        await restoreDump(copy.href, dump, (made) => migrateInChild(made, 'up'));
        // The address and its password stay what workers know.
        await withClient(superuserUrl(copy.href), (client) =>
          client.query(`alter role outbox password ${client.escapeLiteral(url.password)}`),
        );
        front.leadTo(portOf(copy.href));
        front.heal();
        rig.faults.fired('dump_restored', copy.port);

        await until('a relay to halt', async () => ((await relaysNow(rig).catch(() => null))?.halted ?? 0) > 0, 60_000);
        expect((await relaysNow(rig)).recovered).toBeLessThan(RELAYS);
        const pool = createPool(database.href, { max: 2, applicationName: 'operator' });
        const adopt = (): ReturnType<typeof endHalts> =>
          endHalts(pool, { way: 'adopt-database', relays: null, by: 'operator', why: 'production is gone' });
        const at = Date.now();
        try {
          expect((await adopt()).generation).toBe(1);
          await untilRecovered(rig);
        } finally {
          await pool.end();
        }
        const recoverySeconds = (Date.now() - at) / 1_000;
        const { strangers, halted, generations } = await relaysNow(rig);
        expect([halted, generations]).toEqual([0, [1]]);
        const drafts = tenants.map((tenant) => plainDraft(tenant, topics[0] ?? ''));
        const later = await enqueueAll(rig, drafts);
        const all = [...published, ...later];
        const report = await rig.settleAndAudit(all, { fired: ['dump_restored'], minEvents: 250, deadlineMs: 60_000 });
        process.stderr.write(
          `dump: ${strangers} of the relays' members are not in it; ${recoverySeconds.toFixed(1)} s\n`,
        );
        // Answers that the restart cut off: such an event may have been stored and published.
        const sure = all.filter(({ maybe }) => maybe !== true);
        const unsure = all.length - sure.length;
        expect(report).toMatchObject({ acknowledged: sure.length, seen: sure.length });
        expect(Object.entries(report.findings).filter(([, { count }]) => count > 0)).toEqual([]);
        const lost = sure.length - (await rowsOf(rig, sure));
        expect(lost).toBeGreaterThan(0);
        expect(strangers).toBeGreaterThanOrEqual(lost);
        expect(strangers).toBeLessThanOrEqual(lost + unsure);
      },
    );
  }, 300_000);
});

function portOf(url: string): number {
  return Number(new URL(url).port);
}
