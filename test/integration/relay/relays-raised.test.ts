import { loadConfig } from '../../../src/config';
import { wantedRelays } from '../../../src/service/relay-ledger';
import { until } from '../../support/fault-run';
import { createRelayRig } from '../../support/relay-rig';
import type { RelayRig } from '../../support/relay-rig';
import { failure } from '../../support/kafka-bare';

/** The number of relays is raised by whoever takes relay 0 over; its barrier says so before anybody uses the new ones. */
describe('the number of relays', () => {
  let rig: RelayRig;
  beforeAll(async () => {
    rig = await createRelayRig('acme');
  }, 60_000);
  afterAll(() => rig.close());

  const now = async (): Promise<{ relays: number; recovered: number }> => {
    const { rows } = await rig.db.pool.query<{ relays: number; recovered: number }>(
      `select i.relays::int, (select count(*)::int from outbox.relays r where r.recovered_on is not null) as recovered
       from outbox.installation i`,
    );
    return rows[0] as { relays: number; recovered: number };
  };

  it('is raised by a worker that wants more, and publishing goes on', async () => {
    const first = rig.worker('w1');
    await rig.store('acme', 10);
    expect((await rig.drain(first, 'acme')).published).toBe(10);
    await first.stop();
    const [before] = (await rig.db.pool.query(`select * from outbox.relays where relay = 0`)).rows as [
      Record<string, unknown>,
    ];

    const missing = await failure(rig.kafka.ensureLedger({ partitions: 4, singleBroker: true }));
    expect(missing.message).toContain('has 2 partitions of 4. Run "migrate up"');
    const { partitions } = await rig.kafka.ensureLedger({ partitions: 4, singleBroker: true, grows: true });
    expect(partitions).toBe(4);
    const second = rig.worker('w2', { relays: 4 });
    await until('four relays', async () => {
      const { relays, recovered } = await now();
      return relays === 4 && recovered === 4;
    });
    await rig.store('acme', 10);
    expect((await rig.drain(second, 'acme')).published).toBe(10);
    await second.stop();

    // A fail-over that forgot all that: the ledger knows it, whatever the next worker wants.
    await rig.db.pool.query(`delete from outbox.relays where relay > 1`);
    await rig.db.pool.query(`update outbox.installation set relays = 2`);
    await rig.db.pool.query(
      `update outbox.relays set ledger_offset = $1, ledger_kind = $2, ledger_seq = $3, ledger_fence = $4, recovered_on = null where relay = 0`,
      ['ledger_offset', 'ledger_kind', 'ledger_seq', 'ledger_fence'].map((name) => before[name]),
    );
    const third = rig.worker('w3', { relays: 2 });
    await until('four relays again', async () => {
      const { relays, recovered } = await now();
      return relays === 4 && recovered === 4;
    });
    await rig.store('acme', 10);
    expect((await rig.drain(third, 'acme')).published).toBe(10);
  }, 120_000);

  it('is never lowered', () => {
    const wants = (total?: string): number =>
      wantedRelays(loadConfig({ ...(total !== undefined && { OUTBOX_RELAYS_TOTAL: total }) }), 32);
    expect([wants(), wants('32'), wants('64')]).toEqual([32, 32, 64]);
    expect(() => wants('16')).toThrow(/there are 32 relays.*Set it to 32 or more, or unset it/);
  });
});
