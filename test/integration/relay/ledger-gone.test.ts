import { withAdmin } from '../../../faults/harness/topics';
import { rememberLedger } from '../../../src/postgres/relay/installation';
import { until } from '../../support/fault-run';
import { createRelayRig } from '../../support/relay-rig';
import type { RelayRig } from '../../support/relay-rig';
import { testServers } from '../../support/stack';

/** While a relay remembers no record, only the topic's identity shows that another one stands there: what was in it is not known. */
describe('a ledger topic that was made anew before anything was settled', () => {
  let rig: RelayRig;
  beforeAll(async () => {
    rig = await createRelayRig('acme');
  }, 60_000);
  afterAll(() => rig.close());

  it('halts every relay', async () => {
    const before = await rig.kafka.ledgerId();
    if (before === null) throw new Error('the ledger was not made');
    expect(await rememberLedger(rig.db.pool, before)).toBe(before);
    await withAdmin(testServers().kafkaBrokers.join(), (admin) =>
      admin.deleteTopics({ topics: [rig.kafka.ledgerTopic] }),
    );
    await until('the topic to be deleted', async () => (await rig.kafka.ledgerId()) === null);
    await rig.kafka.ensureLedger({ partitions: 2, singleBroker: true });
    const after = await rig.kafka.ledgerId();
    expect(after).not.toBe(before);
    expect(await rememberLedger(rig.db.pool, after ?? '')).toBe(before);

    await rig.store('acme', 3);
    rig.worker('w1');
    const halted = async (): Promise<string[]> => {
      const { rows } = await rig.db.pool.query<{ why: string }>(
        `select halted ->> 'why' as why from outbox.relays where halted is not null`,
      );
      return rows.map(({ why }) => why);
    };
    await until('both relays to halt', async () => (await halted()).length === 2);
    for (const why of await halted()) expect(why).toMatch(new RegExp(`${before}.*${after}.*outboxctl halted show`));
    const { rows } = await rig.db.pool.query(`select ledger_kind, closed::int from outbox.relays`);
    expect(rows).toEqual([
      { ledger_kind: 'none', closed: 0 },
      { ledger_kind: 'none', closed: 0 },
    ]);
  }, 60_000);
});
