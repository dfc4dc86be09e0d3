import fc from 'fast-check';
import type { Lane } from '../../../../src/domain/event';
import { FairShares } from '../../../../src/domain/relay/shares';
import type { Share } from '../../../../src/domain/relay/shares';
import { same } from './same';

type What = 'add' | 'ready' | 'idle' | 'remove' | 'take' | 'spent' | 'forget';

const move = fc.record({
  do: fc.constantFrom<What>(
    'add',
    'ready',
    'ready',
    'ready',
    'idle',
    'remove',
    'take',
    'take',
    'spent',
    'spent',
    'forget',
  ),
  n: fc.nat(40),
  cost: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 512, max: 5_000 }) },
    fc.integer({ min: 5_000, max: 600_000 }),
  ),
});

const idOf = (publisher: string, lane: Lane): string => `${publisher} ${lane}`;
const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

/** Publishers that come, wake, fall idle and go at any moment, and claims of which some never say what they spent. */
describe('fair shares under any order of calls', () => {
  it('hand only to who is ready, never more than waits, and stay within the budget but for the first event of a lane', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 150, size: 'max' }), (moves) => {
        const shares = new FairShares();
        const added = new Set<string>();
        const waiting = new Map<string, number>();
        let asked: Share[] = [];
        for (const { do: what, n, cost } of moves) {
          const publisher = `p${n % 5}`;
          const lane = n % 2 === 0 ? 'live' : 'replay';
          if (what === 'add') {
            shares.add(publisher, 1 + (n % 3));
            added.add(publisher);
          } else if (what === 'ready') {
            shares.ready(publisher, n, lane);
            if (added.has(publisher)) waiting.set(idOf(publisher, lane), Math.max(1, n));
          } else if (what === 'idle') {
            shares.idle(publisher, lane);
            waiting.delete(idOf(publisher, lane));
          } else if (what === 'remove') {
            shares.remove(publisher);
            added.delete(publisher);
            for (const either of ['live', 'replay'] as const) waiting.delete(idOf(publisher, either));
          } else if (what === 'forget') asked = [];
          else if (what === 'spent') {
            const share = asked.pop();
            if (share === undefined) continue;
            shares.spent(share.publisher, cost, 1, share.lane);
            const left = waiting.get(idOf(share.publisher, share.lane));
            if (left !== undefined) waiting.set(idOf(share.publisher, share.lane), Math.max(1, left - 1));
          } else {
            asked = shares.take(cost * 3, 1 + n);
            checkTaken(asked, waiting, cost * 3, 1 + n);
          }
          same(shares.anyReady, waiting.size > 0);
        }
      }),
      { numRuns: 200 },
    );
  });
});

function checkTaken(taken: readonly Share[], waiting: ReadonlyMap<string, number>, cost: number, events: number): void {
  const ids = taken.map(({ publisher, lane }) => idOf(publisher, lane));
  same(new Set(ids).size, ids.length);
  same(taken.length > 0, waiting.size > 0);
  for (const share of taken) {
    const waits = waiting.get(idOf(share.publisher, share.lane)) ?? 0;
    if (share.events < 1 || share.events > waits) throw new Error(`${share.events} of ${waits}`);
  }
  expect(sum(taken.map((share) => share.events))).toBeLessThanOrEqual(events);
  // What goes beyond is a lane's only share, of one event.
  const alone = (['live', 'replay'] as const).map((lane) => {
    const shares = taken.filter((share) => share.lane === lane);
    return shares.length === 1 && shares[0]?.events === 1 ? shares[0].cost : 0;
  });
  expect(sum(taken.map((share) => share.cost))).toBeLessThanOrEqual(cost + sum(alone));
}
