import { endHalts } from '../../../src/postgres/relay/ways-out';
import type { RelayWay } from '../../../src/domain/relay/ledger-halt';
import { listRelays } from '../../../src/postgres/relay/relay-list';
import { until } from '../../support/fault-run';
import { createRelayRig } from '../../support/relay-rig';
import type { RelayRig } from '../../support/relay-rig';
import { withAdmin } from '../../../faults/harness/topics';
import { rememberLedger } from '../../../src/postgres/relay/installation';
import { testServers } from '../../support/stack';

/** Halts of relays, and that an operator's choice ends them. */
describe('a halted relay', () => {
  let rig: RelayRig;
  beforeEach(async () => {
    rig = await createRelayRig('acme');
    await rememberLedger(rig.db.pool, (await rig.kafka.ledgerId()) ?? '');
  }, 60_000);
  afterEach(() => rig.close());

  const choose = (way: RelayWay): ReturnType<typeof endHalts> =>
    endHalts(rig.db.pool, { way, relays: null, by: 'operator', why: 'seen both sides' });
  const halts = async (): Promise<string[]> =>
    (await listRelays(rig.db.pool, { halted: true })).map(({ halted }) => halted?.reason ?? '');
  const published = async (): Promise<number> => {
    const { rows } = await rig.db.pool.query<{ n: number }>(
      `select count(*)::int as n from outbox.events where status = 'published'`,
    );
    return rows[0]?.n ?? 0;
  };

  it('of a ledger that is gone goes on once the ledger is adopted as it is, and is heard of in the audit', async () => {
    const first = rig.worker('w1');
    await rig.store('acme', 20);
    expect((await rig.drain(first, 'acme')).published).toBe(20);
    await first.stop();
    await withAdmin(testServers().kafkaBrokers.join(), (admin) =>
      admin.deleteTopics({ topics: [rig.kafka.ledgerTopic] }),
    );
    await until('the ledger to be deleted', async () => (await rig.kafka.ledgerId()) === null);
    await rig.kafka.ensureLedger({ partitions: 2, singleBroker: true });

    const second = rig.worker('w2');
    await until('both relays to halt', async () => (await halts()).length === 2);
    const [shown] = await listRelays(rig.db.pool, { halted: true });
    expect(shown?.halted).toMatchObject({
      postgres: expect.stringContaining('remembers'),
      kafka: expect.stringContaining('Kafka'),
    });
    expect(await choose('adopt-database')).toEqual({ relays: [], generation: null });
    // Nothing was mended: they halt again.
    expect((await choose('recheck')).relays).toEqual([0, 1]);
    await until('both relays to halt again', async () => (await halts()).length === 2);

    expect((await choose('adopt-ledger')).relays).toEqual([0, 1]);
    await rig.store('acme', 20);
    expect((await rig.drain(second, 'acme')).published).toBe(20);
    expect([await published(), await halts()]).toEqual([40, []]);
    const { rows } = await rig.db.pool.query(
      `select action, actor, why from outbox.audit where action like 'relays.%' order by audit_id`,
    );
    expect(rows).toEqual([
      { action: 'relays.recheck', actor: 'operator', why: 'seen both sides' },
      { action: 'relays.adopt-ledger', actor: 'operator', why: 'seen both sides' },
    ]);
    const ids = await rig.db.pool
      .query(`select ledger_id, (select count(*)::int from outbox.relays where adopting is not null) as left
      from outbox.installation`);
    expect(ids.rows).toEqual([{ ledger_id: await rig.kafka.ledgerId(), left: 0 }]);
  }, 120_000);

  it('marks what an adopted ledger names, also where the database says otherwise', async () => {
    const first = rig.worker('w1');
    const ids = await rig.store('acme', 20);
    expect((await rig.drain(first, 'acme')).published).toBe(20);
    await first.stop();
    await rig.db.pool.query(
      `update outbox.relays set ledger_offset = ledger_offset + 1000 where ledger_kind <> 'none'`,
    );
    await rig.db.pool.query(
      `update outbox.events set status = 'pending', published_at = null where event_id = any ($1)`,
      [ids.slice(10)],
    );
    const second = rig.worker('w2');
    await until('both relays to halt', async () => (await halts()).length === 2);
    await choose('adopt-ledger');
    await until('the ledger to be adopted', async () => (await published()) === 20);
    await rig.store('acme', 5);
    expect((await rig.drain(second, 'acme')).published).toBe(5);
  }, 120_000);

  it('over a database that it can not place goes on once this one is adopted, and then the other one halts', async () => {
    const first = rig.worker('w1');
    await rig.store('acme', 10);
    expect((await rig.drain(first, 'acme')).published).toBe(10);
    await first.stop();
    // As another database has it that was restored from a dump: another cluster, and not one of ours.
    const { pool } = rig.db;
    const { rows: held } = await pool.query<{ relay: number; fence: number; at: number }>(
      `select relay::int, fence::int, ledger_offset::int as at from outbox.relays where ledger_kind <> 'none'`,
    );
    for (const { relay, fence, at } of held) {
      const producer = rig.kafka.open(relay);
      await producer.initialise(20_000);
      const origin = { server: 'elsewhere', system: 'another', timeline: 1, wal: 0, generation: 4 };
      await producer.writeBarrier({ kind: 'barrier', fence: fence + 1, ...origin, from: at, relays: 2 });
      producer.destroy();
    }
    const second = rig.worker('w2');
    await until('both relays to halt', async () => (await halts()).length === 2);
    expect(new Set(await halts())).toEqual(new Set(['newer_database']));
    expect(await choose('adopt-ledger')).toEqual({ relays: [], generation: null });
    expect(await choose('adopt-database')).toEqual({ relays: [0, 1], generation: 5 });
    await rig.store('acme', 10);
    expect((await rig.drain(second, 'acme')).published).toBe(10);
    const { rows } = await pool.query(`select distinct generation::int from outbox.relays`);
    expect(rows).toEqual([{ generation: 5 }]);
  }, 120_000);
});
