import { publisherRecordActivities } from '../../../src/activities/publisher-record';
import { replayActivities } from '../../../src/activities/replay';
import type { PublisherSave } from '../../../src/domain/publisher-settings';
import { createPool } from '../../../src/postgres/pool';
import { readPublisher } from '../../../src/postgres/publishers';
import { replayStatus } from '../../../src/postgres/replays';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { kafkaOf } from '../../support/events';

const REF = kafkaOf('acme');
const SAVE: PublisherSave = { why: 'paused', until: null, paused: null, limits: {}, breaker: null };

let database: TestDatabase;
const said: string[] = [];
beforeAll(async () => {
  database = await createTestDatabase('acme');
});
afterAll(() => database.drop());
beforeEach(() => void (said.length = 0));

describe('a publisher’s row', () => {
  const activities = (pool = database.pool) =>
    publisherRecordActivities(pool, () => Promise.reject(new Error('not asked for')), {
      breakerWent: (_ref, to) => said.push(`breaker ${to}`),
      denied: () => said.push('denied'),
      refused: ({ tenant }, code, message) => said.push(`${tenant} ${code} ${message}`),
    });
  const paused = { by: 'ops', why: 'a\0', since: 1, until: null };

  it('that Postgres refuses to store is told once and not tried for ever; the next one is stored', async () => {
    await activities().savePublisher(REF, { ...SAVE, paused, breakerTo: ['open'] });
    expect(said).toEqual([expect.stringMatching(/^acme POSTGRES_REFUSED .*22P05/), 'breaker open']);
    await activities().savePublisher(REF, { ...SAVE, paused: { ...paused, why: 'a' } });
    expect(await readPublisher(database.pool, REF)).toMatchObject({ state: 'paused', paused: { why: 'a' } });
    expect(said).toHaveLength(2);
  });

  it('is tried again while the server is read-only, as in a fail-over', async () => {
    const url = new URL(database.url);
    url.searchParams.set('options', '-c default_transaction_read_only=on');
    const standby = createPool(url.href, { max: 1 });
    await expect(activities(standby).savePublisher(REF, SAVE)).rejects.toMatchObject({ code: 'POSTGRES_REFUSED' });
    expect(said).toEqual([]);
    await standby.end();
  });

  it('is tried again while Postgres is away', async () => {
    const away = createPool('postgres://nobody@127.0.0.1:1/nothing', { max: 1, connectTimeoutMs: 2_000 });
    await expect(activities(away).savePublisher(REF, SAVE)).rejects.toMatchObject({ code: 'POSTGRES_UNAVAILABLE' });
    expect(said).toEqual([]);
    await away.end();
  });
});

describe('a replay’s command', () => {
  const activities = (countMs?: number) =>
    replayActivities(
      database.pool,
      () => Promise.resolve(),
      { refused: ({ tenant }, replayId, code, message) => said.push(`${tenant} ${replayId} ${code} ${message}`) },
      countMs,
    );
  const command = { replayId: 'r', filter: { after: '2000-01-01' }, by: 'ops', why: 'x' };

  it('whose events are not counted in time is slow at first, then refused with what to do', async () => {
    const locker = await database.pool.connect();
    try {
      await locker.query('begin; lock table outbox.events in access exclusive mode');
      const { requestReplay } = activities(50);
      expect(await requestReplay(REF, command, 1)).toEqual({ kind: 'slow' });
      expect(await requestReplay(REF, command, 2)).toEqual({ kind: 'slow' });
      expect(said).toEqual([]);
      const why = expect.stringContaining('Select fewer') as string;
      expect(await requestReplay(REF, command, 3)).toEqual({ kind: 'refused', why });
      expect(said).toEqual([expect.stringContaining('acme r POSTGRES_UNAVAILABLE 3 times')]);
    } finally {
      await locker.query('rollback');
      locker.release();
    }
    expect(await replayStatus(database.pool, 'acme', 'r')).toBeNull();
    expect(await activities().requestReplay(REF, command, 1)).toEqual({ kind: 'stored' });
    expect(await replayStatus(database.pool, 'acme', 'r')).toMatchObject({ state: 'running', total: 0 });
  });

  it('that Postgres refuses is refused at once, and told', async () => {
    const odd = { ...command, replayId: 'odd', filter: { topic: '\ud800' } };
    const why = expect.stringContaining('22P02') as string;
    expect(await activities().requestReplay(REF, odd, 1)).toEqual({ kind: 'refused', why });
    expect(said).toEqual([expect.stringContaining('acme odd POSTGRES_REFUSED')]);
  });
});
