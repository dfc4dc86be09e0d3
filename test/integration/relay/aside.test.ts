import { insertMany } from '../../../src/postgres/enqueue';
import { retryEvents, skipEvents } from '../../../src/postgres/operator-actions';
import { ASIDE_LANE, BLOCKED_LANE } from '../../../src/postgres/hold-key';
import { bringBack, forgetReleased, releasedKeys, setAside } from '../../../src/postgres/relay/aside';
import { blockedTopics, dueForTopics, wakeForTopics } from '../../../src/postgres/relay/blocked';
import { claim } from '../../../src/postgres/relay/claim';
import { detachPublishers } from '../../../src/postgres/relay/detach';
import { look } from '../../../src/postgres/relay/look';
import { parkOnRelay } from '../../../src/postgres/relay/park';
import { runningPublishers } from '../../../src/postgres/global-pause';
import { sweep } from '../../../src/postgres/sweep';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { kafkaOf, someEvent } from '../../support/events';
import { RelayRows, idsOf, waitingOf } from '../../support/relay-rows';

/** What cannot be sent is set aside, and comes back in order when it is free: the statements, as a relay gives them. */
describe('events that wait, on a relay', () => {
  let database: TestDatabase;
  let relay: RelayRows;
  beforeAll(async () => {
    database = await createTestDatabase('keys', 'topics', 'orders', 'sleeps');
    relay = await RelayRows.take(database.pool);
  });
  afterAll(() => database.drop());

  const enqueue = async (tenant: string, ...events: [key: string | null, topic: string][]): Promise<string[]> =>
    (
      await insertMany(
        database.pool,
        events.map(([key, topic]) => someEvent(tenant, { key, topic })),
      )
    ).map(({ id }) => id ?? '');
  const park = (tenant: string, eventId: string): Promise<void> =>
    parkOnRelay(database.pool, relay.held, kafkaOf(tenant), [{ eventId, code: 'EVENT_REFUSED', reason: 'test' }]);
  const setWaiting = async (tenant: string): Promise<string[]> => {
    const { waiting, revision } = await relay.claim(tenant);
    const events = waiting.map(({ event, lane }) => ({ id: event.id, lane }));
    return [...(await setAside(database.pool, relay.held, [{ ref: kafkaOf(tenant), revision, events }]))];
  };

  it('wait behind a parked event of their key, are walked over once, and come back behind no parked one', async () => {
    expect(await relay.attach('keys')).toMatchObject({ kind: 'attached', asks: false });
    const [a1 = '', a2 = '', b1 = '', a3 = ''] = await enqueue('keys', ['a', 't'], ['a', 't'], ['b', 't'], ['a', 't']);
    await park('keys', a1);
    await park('keys', a3);
    const first = await relay.claim('keys');
    expect(idsOf(first)).toEqual([b1]);
    expect(waitingOf(first)).toEqual([[a2, ASIDE_LANE]]);
    expect(first.waiting[0]?.event.payload).toBeNull();
    expect(await setWaiting('keys')).toEqual(['written']);
    const [a4 = ''] = await enqueue('keys', ['a', 't']);
    // Under onPoison skip it waits all the same, for one of its key is aside.
    expect(waitingOf(await relay.claim('keys', { holds: false }))).toEqual([[a4, ASIDE_LANE]]);
    expect(await setWaiting('keys')).toEqual(['written']);
    expect(waitingOf(await relay.claim('keys'))).toEqual([]);

    const seen = await look(database.pool, relay.held, null);
    await skipEvents(database.pool, 'keys', [a1], 'test');
    expect((await look(database.pool, relay.held, seen.horizon)).released).toEqual([kafkaOf('keys')]);
    const released = await releasedKeys(database.pool, kafkaOf('keys'), 10);
    expect(released.map(({ key }) => key)).toEqual(['', 'a']);
    expect(await bringBack(database.pool, relay.held, kafkaOf('keys'), { key: 'a' })).toBe(1);
    expect(idsOf(await relay.claim('keys'))).toEqual([a2, b1]);
    // The look finds what came back.
    const found = (await look(database.pool, relay.held, seen.horizon)).found.flatMap(({ eventIds }) => eventIds ?? []);
    expect(found).toEqual([a2]);
    await forgetReleased(database.pool, kafkaOf('keys'), released);
    expect(await releasedKeys(database.pool, kafkaOf('keys'), 10)).toEqual([]);
    expect(await bringBack(database.pool, relay.held, kafkaOf('keys'), { keys: 'all' })).toBe(1);
    expect(idsOf(await relay.claim('keys', { holds: false }))).toEqual([a2, b1, a4]);
  });

  it('an order that comes while released events are brought back has another stamp and stays', async () => {
    const [c1 = '', c2 = ''] = await enqueue('keys', ['c', 't'], ['c', 't']);
    await park('keys', c1);
    await park('keys', c2);
    await skipEvents(database.pool, 'keys', [c1], 'test');
    const released = await releasedKeys(database.pool, kafkaOf('keys'), 10);
    await skipEvents(database.pool, 'keys', [c2], 'test');
    await forgetReleased(database.pool, kafkaOf('keys'), released);
    expect((await releasedKeys(database.pool, kafkaOf('keys'), 10)).map(({ key }) => key)).toContain('c');
  });

  it('nothing is set aside that was judged before an operator changed something', async () => {
    const [d1 = '', d2 = ''] = await enqueue('keys', ['d', 't'], ['d', 't']);
    await park('keys', d1);
    const { waiting, revision } = await relay.claim('keys');
    expect(waiting.map(({ event }) => event.id)).toContain(d2);
    await skipEvents(database.pool, 'keys', [d1], 'test');
    const events = [{ id: d2, lane: ASIDE_LANE }];
    expect(await setAside(database.pool, relay.held, [{ ref: kafkaOf('keys'), revision, events }])).toEqual([
      'changed',
    ]);
    expect(idsOf(await relay.claim('keys'))).toContain(d2);
  });

  it('a retried event goes before later ones of its key, also where only those were looked up', async () => {
    const [e1 = '', e2 = ''] = await enqueue('keys', ['e', 't'], ['e', 't']);
    await park('keys', e1);
    const { horizon } = await look(database.pool, relay.held, null);
    await retryEvents(database.pool, 'keys', [e1]);
    const want = {
      publisher: kafkaOf('keys'),
      ids: [e2],
      after: '0',
      events: 10,
      bytes: 1_000,
      asks: true,
      holds: true,
    };
    const [answer] = await claim(database.pool, relay.held, [want], horizon);
    expect(answer?.late).toEqual([{ id: e1, key: 'e' }]);
  });

  it('wait for their topic in order, while events of other topics go', async () => {
    await relay.attach('topics');
    const ref = kafkaOf('topics');
    const [t1 = '', u1 = '', t2 = ''] = await enqueue('topics', [null, 'sick'], [null, 'well'], ['k', 'sick']);
    const { revision } = await relay.claim('topics');
    const events = [t1, t2].map((id) => ({ id, lane: BLOCKED_LANE }));
    expect(await setAside(database.pool, relay.held, [{ ref, revision, events }])).toEqual(['written']);
    const [t3 = ''] = await enqueue('topics', [null, 'sick']);
    const next = await relay.claim('topics');
    expect(idsOf(next)).toEqual([u1]);
    expect(waitingOf(next)).toEqual([[t3, BLOCKED_LANE]]);
    expect(await blockedTopics(database.pool, ref)).toEqual([{ topic: 'sick', code: null }]);
    // An operator who retries one of them wants its topic to be looked at.
    expect((await retryEvents(database.pool, 'topics', [t1])).changed).toEqual([t1]);
    expect(await releasedKeys(database.pool, ref, 10)).toMatchObject([{ key: '' }]);
    expect(await bringBack(database.pool, relay.held, ref, { topic: 'sick' })).toBe(2);
    expect(idsOf(await relay.claim('topics'))).toEqual([t1, u1, t2, t3]);
  });

  it('an operator changes what is aside, and what may be on its way only when its publisher is detached', async () => {
    await relay.attach('orders');
    const ref = kafkaOf('orders');
    const [f1 = '', f2 = ''] = await enqueue('orders', [null, 'sick'], [null, 'well']);
    const { revision } = await relay.claim('orders');
    await setAside(database.pool, relay.held, [{ ref, revision, events: [{ id: f1, lane: BLOCKED_LANE }] }]);
    const result = await skipEvents(database.pool, 'orders', [f1, f2], 'test');
    expect(result.changed).toEqual([f1]);
    expect(result.refused).toEqual([{ eventId: f2, code: 'in_flight' }]);
    expect(await runningPublishers(database.pool)).toBe(3);
    await detachPublishers(database.pool, relay.held, [{ ref, ended: {} }]);
    expect(await runningPublishers(database.pool)).toBe(2);
    expect((await skipEvents(database.pool, 'orders', [f2], 'test')).changed).toEqual([f2]);
  });

  it('a publisher that has nothing else sleeps, is not swept, and is woken when its topic is well', async () => {
    await relay.attach('sleeps');
    const ref = kafkaOf('sleeps');
    const [g1 = ''] = await enqueue('sleeps', [null, 'sick']);
    const { revision } = await relay.claim('sleeps');
    await setAside(database.pool, relay.held, [{ ref, revision, events: [{ id: g1, lane: BLOCKED_LANE }] }]);
    await database.pool.query(
      `update outbox.publishers set blocked = '{"sick": "KAFKA_TOPIC_MISSING"}' where tenant_id = 'sleeps'`,
    );
    await detachPublishers(database.pool, relay.held, [{ ref, ended: {} }]);
    const mine = async (): Promise<unknown[]> =>
      (await sweep(database.pool, 100)).filter(({ tenant }) => tenant === 'sleeps');
    expect(await mine()).toEqual([]);
    expect(await dueForTopics(database.pool, 10)).toEqual([{ ...ref, long: false }]);
    // Its next look is later.
    expect(await dueForTopics(database.pool, 10)).toEqual([]);
    await wakeForTopics(database.pool, [ref]);
    expect(await mine()).toEqual([ref]);
  });
});
