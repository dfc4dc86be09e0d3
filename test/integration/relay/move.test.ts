import { attachPublisher } from '../../../src/postgres/relay/attach';
import { movePublishers } from '../../../src/postgres/relay/move';
import { markRecovered, takeRelay } from '../../../src/postgres/relay/relays';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { kafkaOf } from '../../support/events';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase('acme', 'late');
  await database.pool.query('update outbox.installation set relays = 3');
});
afterEach(() => database.drop());

const recovered = async (relay: number): ReturnType<typeof takeRelay> => {
  const held = await takeRelay(database.pool, relay, 'test', 60_000);
  await markRecovered(database.pool, held);
  return held;
};

it('publishers go to another relay only while every relay is recovered on this server: what the parted one settled may be lost', async () => {
  const { pool } = database;
  const [from, to] = [await recovered(0), await recovered(1), await recovered(2)];
  expect(await attachPublisher(pool, from, kafkaOf('acme'), { address: { workflowId: 'acme' } })).toMatchObject({
    kind: 'attached',
  });
  // As after a fail-over: the rows are of another server.
  await pool.query(`update outbox.relays set recovered_on = 'another' where relay = 2`);
  const parted = { held: from, upTo: from.fence };
  expect(await movePublishers(pool, to, parted)).toBeNull();

  await recovered(2);
  expect(await movePublishers(pool, to, parted)).toMatchObject({ moved: [{ tenant: 'acme' }], left: 0 });
  const { rows } = await pool.query(
    `select owner_relay, owner_fence::int from outbox.publishers where tenant_id = 'acme'`,
  );
  expect(rows).toEqual([{ owner_relay: 1, owner_fence: to.fence }]);
});

it('an attach that was under way when its relay parted goes with a later move', async () => {
  const { pool } = database;
  const [from, to] = [await recovered(0), await recovered(1), await recovered(2)];
  const parted = { held: from, upTo: from.fence };
  expect(await movePublishers(pool, to, parted)).toMatchObject({ moved: [], left: 0 });
  expect(await attachPublisher(pool, from, kafkaOf('late'), { address: { workflowId: 'late' } })).toMatchObject({
    kind: 'attached',
  });
  const taken = await takeRelay(pool, 0, 'test', 60_000);
  expect(await movePublishers(pool, to, parted)).toBeNull();
  expect(await movePublishers(pool, to, { ...parted, held: taken })).toMatchObject({ moved: [{ tenant: 'late' }] });
});
