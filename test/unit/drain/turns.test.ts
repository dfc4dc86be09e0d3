import { setImmediate as tick } from 'node:timers/promises';
import fc from 'fast-check';
import { Turns } from '../../../src/activities/drain/turns';

const never = new AbortController().signal;

describe('turns of a worker’s drains', () => {
  it('lets so many work at a time, in the order in which they came', async () => {
    const turns = new Turns(2);
    const all = Array.from({ length: 5 }, () => turns.turn());
    const order: number[] = [];
    all.forEach((turn, index) => void turn.take(never).then(() => order.push(index)));
    await tick();
    expect(order).toEqual([0, 1]);
    expect(turns.awaited).toBe(true);
    all[1]?.give();
    all[0]?.give();
    await tick();
    expect(order).toEqual([0, 1, 2, 3]);
    all[2]?.give();
    await tick();
    expect(order).toEqual([0, 1, 2, 3, 4]);
    expect(turns.awaited).toBe(false);
  });

  it('one that must stop waits no more, and nobody loses a turn over it', async () => {
    const turns = new Turns(1);
    const [first, stopped, third] = [turns.turn(), turns.turn(), turns.turn()];
    const stop = new AbortController();
    const done: string[] = [];
    await first.take(never);
    void stopped.take(stop.signal).then(() => done.push('stopped'));
    void third.take(never).then(() => done.push('third'));
    stop.abort();
    await tick();
    expect(done).toEqual(['stopped']);
    stopped.give();
    await tick();
    expect(done).toEqual(['stopped']);
    first.give();
    await tick();
    expect(done).toEqual(['stopped', 'third']);
  });

  it('never lets more work than it has turns, and never leaves one unused while somebody waits', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.tuple(fc.nat(9), fc.boolean()), { maxLength: 60 }),
        async (most, moves) => {
          const turns = new Turns(most);
          const all = Array.from({ length: 10 }, () => ({
            turn: turns.turn(),
            state: 'out' as 'out' | 'waits' | 'works',
          }));
          for (const [index, twice] of moves) {
            const one = all[index];
            if (one === undefined || one.state === 'waits') continue;
            if (one.state === 'works') {
              one.turn.give();
              if (twice) one.turn.give();
              one.state = 'out';
            } else {
              one.state = 'waits';
              void one.turn.take(never).then(() => (one.state = 'works'));
            }
            await Promise.resolve();
            await tick();
            const working = all.filter(({ state }) => state === 'works').length;
            const waiting = all.filter(({ state }) => state === 'waits').length;
            expect(working).toBe(Math.min(most, working + waiting));
            expect(turns.awaited).toBe(waiting > 0);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
