import { until } from '../../support/fault-run';
import { createRelayRig } from '../../support/relay-rig';
import type { RelayRig } from '../../support/relay-rig';

/** Nothing is attached anywhere until every relay is taken over on the server that answers, so one that has nothing to do must notice it, too. */
describe('a relay without publishers', () => {
  let rig: RelayRig;
  beforeAll(async () => {
    rig = await createRelayRig('acme');
  }, 60_000);
  afterAll(() => rig.close());

  it('is taken over anew when Postgres is another server', async () => {
    const worker = rig.worker('w1');
    const unrecovered = async (): Promise<number> => {
      const { rows } = await rig.db.pool.query<{ n: number }>(
        `select 2 - count(*)::int as n from outbox.relays where recovered_on is distinct from 'another'`,
      );
      return rows[0]?.n ?? 2;
    };
    await until('both relays to be taken over', async () => (await unrecovered()) === 0);
    await until('one to be held', () => worker.states().some(({ state }) => state === 'running'));
    // By then it has asked all that it asks when it begins.
    const lease = async (): Promise<number> => {
      const { rows } = await rig.db.pool.query<{ until: number }>(
        `select max(extract(epoch from lease_until))::float8 as until from outbox.relays`,
      );
      return rows[0]?.until ?? 0;
    };
    const first = await lease();
    await until('its lease to be renewed some times', async () => (await lease()) > first + 3);
    // As rows are after a fail-over that forgot who has which.
    await rig.db.pool.query(
      `update outbox.relays set recovered_on = 'another', holder = null, lease_until = null, fence = fence + 1`,
    );
    await until('both relays to be taken over again', async () => (await unrecovered()) === 0);
    await rig.store('acme', 5);
    expect((await rig.drain(worker, 'acme')).published).toBe(5);
  }, 60_000);
});
