import { Account } from '../../../bench/harness/account';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { enqueueSome } from '../../support/events';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase('a', 'b');
  for (const tenant of ['a', 'b']) await enqueueSome(database.pool, tenant, 3);
});
afterEach(() => database.drop());

const check = (accepted: number, drained = false) => {
  const account = new Account();
  account.accepted('a', accepted);
  account.accepted('b', 3);
  const query = async <R>(text: string, values?: unknown[]): Promise<R[]> =>
    (await database.pool.query(text, values)).rows as R[];
  return account.check(query, ['a', 'b'], { drained });
};
const publish = (place: string) =>
  database.pool.query(
    `update outbox.events set status = 'published', published_at = now(), topic_partition = 0, ${place}`,
  );

it('balances while events are pending, unless all should be drained', async () => {
  expect(await check(3)).toEqual({ accepted: 6, published: 0 });
  await expect(check(3, true)).rejects.toThrow('a: 3 accepted, 3 pending, 0 published');
  await publish('topic_offset = event_id');
  expect(await check(3, true)).toEqual({ accepted: 6, published: 6 });
});

it('does not balance when an event is lost or one too many', async () => {
  await expect(check(4)).rejects.toThrow('a: 4 accepted, 3 pending');
  await expect(check(2)).rejects.toThrow('a: 2 accepted, 3 pending');
});

it('does not balance when two published events have one place, or one has none', async () => {
  await publish('topic_offset = 7');
  await expect(check(3)).rejects.toThrow('5 published events share a place');
  await publish('topic_offset = null');
  await expect(check(3)).rejects.toThrow('6 published events have no place');
});
