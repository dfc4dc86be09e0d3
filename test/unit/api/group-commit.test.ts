import { OutboxError } from '../../../src/domain/errors';
import { createGroupCommit, GROUP_COMMIT_DEFAULTS } from '../../../src/api/ingest/group-commit';
import type { EventStore, Inserted, NewEvent } from '../../../src/api/ports';

function event(dedupeKey: string, payload = Buffer.from('1')): NewEvent {
  return { tenant: 'a', topic: 't', type: 'x', key: null, dedupeKey, headers: null, payload, contentType: null };
}

/** A store under the test's control: each insert waits until it is answered. */
class HeldStore implements Pick<EventStore, 'insert'> {
  readonly groups: { keys: (string | null)[]; answer: (error?: Error) => void }[] = [];

  insert(events: readonly NewEvent[]): Promise<readonly Inserted[]> {
    return new Promise((resolve, reject) => {
      const keys = events.map((item) => item.dedupeKey);
      const results = keys.map((key) => ({ id: `id-${key}`, duplicate: false, conflict: false, refused: null }));
      this.groups.push({ keys, answer: (error) => (error === undefined ? resolve(results) : reject(error)) });
    });
  }
}

const pause = (ms = 15): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const store = (held: HeldStore): EventStore => ({
  insert: (events) => held.insert(events),
  find: () => Promise.resolve(null),
});

describe('group commit', () => {
  test('posts of one moment are one group; each gets its own result, after the commit only', async () => {
    const held = new HeldStore();
    const committed: number[] = [];
    const commits = createGroupCommit(store(held), (events) => committed.push(events.length));
    let answered = 0;
    const all = ['1', '2', '3'].map((key) =>
      commits.submit(event(key)).then((inserted) => {
        answered += 1;
        return inserted.id;
      }),
    );
    await pause();
    expect(held.groups.map((group) => group.keys)).toEqual([['1', '2', '3']]);
    expect([answered, committed]).toEqual([0, []]);
    held.groups[0]?.answer();
    expect(await Promise.all(all)).toEqual(['id-1', 'id-2', 'id-3']);
    expect(committed).toEqual([3]);
  });

  test('at most so many groups in flight, of at most so many events and bytes; the rest follows in order', async () => {
    const held = new HeldStore();
    const options = { ...GROUP_COMMIT_DEFAULTS, maxEvents: 3, maxBytes: 10, maxInFlight: 2 };
    const commits = createGroupCommit(store(held), () => undefined, options);
    const all = ['1', '2', '3', '4'].map((key) => commits.submit(event(key)));
    all.push(commits.submit(event('big', Buffer.alloc(100))), commits.submit(event('5')));
    await pause();
    expect(held.groups.map((group) => group.keys)).toEqual([['1', '2', '3'], ['4']]);
    held.groups[1]?.answer();
    await pause();
    expect(held.groups[2]?.keys).toEqual(['big']);
    held.groups[0]?.answer();
    await pause();
    expect(held.groups[3]?.keys).toEqual(['5']);
    held.groups.slice(2).forEach((group) => group.answer());
    await Promise.all(all);
  });

  test('a refusal is tried row by row, so that neighbours are stored; an outage fails all at once', async () => {
    const held = new HeldStore();
    const commits = createGroupCommit(store(held), () => undefined);
    const refusal = new OutboxError('POSTGRES_REFUSED', 'no.', { details: { sqlstate: '54000' } });
    const results = Promise.allSettled([commits.submit(event('1')), commits.submit(event('2'))]);
    await pause();
    held.groups[0]?.answer(refusal);
    await pause();
    held.groups[1]?.answer(refusal);
    await pause();
    held.groups[2]?.answer();
    expect((await results).map((result) => result.status)).toEqual(['rejected', 'fulfilled']);

    const outage = Promise.allSettled([commits.submit(event('3')), commits.submit(event('4'))]);
    await pause();
    held.groups[3]?.answer(new OutboxError('POSTGRES_UNAVAILABLE', 'gone.'));
    expect((await outage).map((result) => result.status)).toEqual(['rejected', 'rejected']);
    expect(held.groups).toHaveLength(4);
  });

  test('a full queue refuses instead of growing', async () => {
    const held = new HeldStore();
    const options = { ...GROUP_COMMIT_DEFAULTS, maxInFlight: 1, maxEvents: 1, maxWaiting: 2 };
    const commits = createGroupCommit(store(held), () => undefined, options);
    const first = commits.submit(event('1'));
    await pause();
    const waiting = [commits.submit(event('2')), commits.submit(event('3'))];
    await expect(commits.submit(event('4'))).rejects.toMatchObject({ code: 'POSTGRES_UNAVAILABLE' });
    for (let i = 0; i < 3; i += 1) {
      held.groups[i]?.answer();
      await pause();
    }
    expect((await Promise.all([first, ...waiting])).map((inserted) => inserted.id)).toEqual(['id-1', 'id-2', 'id-3']);
  });
});
