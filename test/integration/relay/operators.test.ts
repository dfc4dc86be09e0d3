import { listEvents } from '../../../src/postgres/event-list';
import { countByStatus, getEvent } from '../../../src/postgres/events';
import { listPublishers } from '../../../src/postgres/publisher-list';
import { listRelays } from '../../../src/postgres/relay/relay-list';
import { checkRelayLedger, checkRelayWork, checkRelays } from '../../../src/service/relay-checks';
import { createRelayRig } from '../../support/relay-rig';
import type { RelayRig } from '../../support/relay-rig';
import { until } from '../../support/fault-run';

const ALL = { topic: null, type: null, key: null, errorCode: null, after: null, before: null };

/** What operators see of relays, as rows and as the doctor's findings. */
describe('relays as operators see them', () => {
  let rig: RelayRig;
  beforeAll(async () => {
    rig = await createRelayRig('acme');
  });
  afterAll(() => rig.close());

  const set = (sql: string): Promise<unknown> => rig.db.pool.query(sql);

  it('says who has which relay and publisher, and which batch an event went with', async () => {
    expect(await checkRelays(rig.db.pool)).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/^2 relays .* 0, 1$/),
    });
    const worker = rig.worker('w1', { lingerMs: 60_000 });
    const [id = ''] = await rig.store('acme', 3);
    void rig.drain(worker, 'acme');
    await until('they are published', async () => (await countByStatus(rig.db.pool, 'acme')).published === 3);

    const [held] = (await listRelays(rig.db.pool)).filter(({ holder }) => holder !== null);
    expect(held).toMatchObject({
      holder: 'w1',
      attached: 1,
      recovered: true,
      halted: null,
      strangers: 0,
      unsettled: 0,
    });
    expect(held?.ledger).toMatchObject({ kind: 'batch', fence: held?.fence });
    const batch = `${held?.relay}@${held?.ledger.seq}`;
    expect(await getEvent(rig.db.pool, 'acme', id)).toMatchObject({ batch, partition: expect.any(Number) });
    const filter = { ...ALL, status: 'published' as const, tenant: 'acme' };
    const { events } = await listEvents(rig.db.pool, filter, { position: null, limit: 10, payload: false });
    expect(events.map((event) => event.batch)).toEqual([batch, batch, batch]);
    const page = { tenant: null, state: null, after: null, limit: 10 };
    expect(await listPublishers(rig.db.pool, page)).toMatchObject([
      { tenant: 'acme', attached: { relay: held?.relay, worker: 'w1', since: expect.any(Number) } },
    ]);
    expect(await checkRelays(rig.db.pool)).toMatchObject({
      ok: true,
      detail: '1 of 2 relays are held, 1 publishers attached',
    });
    expect(await checkRelayWork(rig.db.pool)).toMatchObject({ ok: true });
    expect(checkRelayLedger(await rig.kafka.ledgerState({ partitions: 2, singleBroker: true }))).toMatchObject({
      ok: true,
    });
    await worker.stop();
  });

  it('the doctor names what is wrong, with its remedy', async () => {
    expect(checkRelayLedger(await rig.kafka.ledgerState({ partitions: 5, singleBroker: true }))).toMatchObject({
      ok: false,
      detail: expect.stringContaining('has 2 partitions of 5'),
    });
    expect(checkRelayLedger(null)).toMatchObject({ ok: false, remedy: expect.stringContaining('Run migrate up') });
    await set(`insert into outbox.unsettled (tenant_id, event_id, fingerprint, relay, seq, at)
      values ('acme', 1, 1, 1, 1, clock_timestamp() - interval '2 minutes')`);
    expect(await checkRelayWork(rig.db.pool)).toMatchObject({ ok: false, remedy: expect.stringContaining('pg_locks') });
    await set('delete from outbox.unsettled');
    await set(
      `update outbox.publishers set owner_relay = null, owner_fence = null, drain = '{}', updated_at = clock_timestamp() - interval '2 minutes'`,
    );
    expect(await checkRelayWork(rig.db.pool)).toMatchObject({ ok: false, detail: expect.stringMatching(/^1 drains/) });
    await set(
      `update outbox.relays set halted = '{"why": "L is 5, Kafka has 3", "since": "2026-01-01T00:00:00Z"}' where relay = 1`,
    );
    expect(await checkRelays(rig.db.pool)).toMatchObject({
      ok: false,
      detail: 'relay 1 is halted: L is 5, Kafka has 3',
      remedy: expect.stringContaining('halted show'),
    });
    expect(await listRelays(rig.db.pool, { halted: true })).toMatchObject([{ relay: 1 }]);
  });
});
