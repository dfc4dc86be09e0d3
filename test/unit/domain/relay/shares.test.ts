import fc from 'fast-check';
import type { Lane } from '../../../../src/domain/event';
import { Heap } from '../../../../src/domain/relay/heap';
import { LEAST_COST, QUANTUM } from '../../../../src/domain/relay/lane-shares';
import { FairShares, eventCost } from '../../../../src/domain/relay/shares';
import type { Share } from '../../../../src/domain/relay/shares';

const BUDGET = 1_048_576;
const LARGEST = 600_000;
const ENDLESS = 1e9;

/** Events that wait: the costs of the next ones, over and over. */
interface Queue {
  readonly costs: readonly number[];
  left: number;
  at: number;
}

/** Publishers with queues of events, and a loop that claims as the database does: in order, the first in any case. */
class Loop {
  readonly shares = new FairShares();
  readonly #queues = new Map<string, Queue>();
  readonly #had = new Map<string, number>();

  /** `counted`: it says how many events wait. */
  constructor(private readonly counted: boolean) {}

  add(publisher: string, weight: number, costs: readonly number[], left: number, lane: Lane = 'live'): void {
    this.shares.add(publisher, weight);
    this.#queues.set(`${publisher} ${lane}`, { costs, left, at: 0 });
    this.#judge(publisher, lane);
  }

  /** Cost that was claimed. */
  had(publisher: string, lane: Lane = 'live'): number {
    return this.#had.get(`${publisher} ${lane}`) ?? 0;
  }

  fill(publisher: string, left: number, lane: Lane = 'live'): void {
    this.#queue(publisher, lane).left = left;
    this.#judge(publisher, lane);
  }

  turn(cost = BUDGET, events = 6_000): Share[] {
    const taken = this.shares.take(cost, events);
    for (const share of taken) this.#claim(share);
    return taken;
  }

  #claim({ publisher, lane, cost, events }: Share): void {
    const queue = this.#queue(publisher, lane);
    let [spent, count] = [0, 0];
    while (count < Math.min(events, queue.left)) {
      const next = queue.costs[(queue.at + count) % queue.costs.length] ?? 0;
      if (count > 0 && spent + next > cost) break;
      spent += next;
      count += 1;
    }
    queue.left -= count;
    queue.at += count;
    this.shares.spent(publisher, spent, count, lane);
    this.#had.set(`${publisher} ${lane}`, this.had(publisher, lane) + spent);
    this.#judge(publisher, lane);
  }

  #judge(publisher: string, lane: Lane): void {
    const { left } = this.#queue(publisher, lane);
    if (left > 0) this.shares.ready(publisher, this.counted ? left : Infinity, lane);
    else this.shares.idle(publisher, lane);
  }

  #queue(publisher: string, lane: Lane): Queue {
    return this.#queues.get(`${publisher} ${lane}`) as Queue;
  }
}

const weight = fc.constantFrom(0.5, 1, 1, 1, 2, 10);
const budget = fc.integer({ min: 20_000, max: BUDGET });
const small = fc.integer({ min: LEAST_COST, max: 5_000 });
const large = fc.integer({ min: QUANTUM, max: LARGEST });
const costs = fc.oneof({ weight: 8, arbitrary: small }, { weight: 1, arbitrary: large });

describe('fair shares', () => {
  it('give publishers with a backlog cost by their weights, whatever their events cost and whenever they came', () => {
    const one = fc.record({ weight, costs: fc.array(costs, { minLength: 1, maxLength: 5 }), from: fc.nat(10) });
    fc.assert(
      fc.property(fc.array(one, { minLength: 2, maxLength: 8 }), fc.boolean(), budget, (all, counted, cost) => {
        const loop = new Loop(counted);
        let since: number[] = [];
        for (let round = 0; round < 60; round += 1) {
          for (const [i, { weight: of, costs: each, from }] of all.entries()) {
            if (from === round) loop.add(`p${i}`, of, each, ENDLESS);
          }
          loop.turn(cost, 1_000);
          // By then all of them compete, and their mean costs are known.
          if (round === 20) since = all.map((_, i) => loop.had(`p${i}`));
        }
        const served = all.map(({ weight: of, costs: each }, i) => ({
          units: (loop.had(`p${i}`) - (since[i] ?? 0)) / of,
          off: (3 * (QUANTUM + Math.max(...each))) / of,
        }));
        // What a share keeps for larger events than the last ones comes back with the next transaction.
        const slack = (0.5 * cost) / all.reduce((sum, { weight: of }) => sum + of, 0);
        for (const a of served) {
          for (const b of served) expect(a.units - b.units).toBeLessThanOrEqual(a.off + b.off + slack);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('put many publishers with few events into one transaction, where their number is known', () => {
    const loop = new Loop(true);
    for (let i = 0; i < 700; i += 1) loop.add(`p${i}`, 1, [900], 1);
    expect(loop.turn()).toHaveLength(700);
    expect(loop.shares.anyReady).toBe(false);
  });

  it('let an event that is larger than any share go alone in its share, soon, while others go on', () => {
    fc.assert(
      fc.property(budget, large, weight, (cost, size, heavy) => {
        const loop = new Loop(true);
        for (let i = 0; i < 5; i += 1) loop.add(`p${i}`, 1, [1_000], ENDLESS);
        loop.add('large', heavy, [size], ENDLESS);
        // In which all have had by weight what two such events cost.
        const rounds = Math.ceil(((5 + heavy) * ((3 * size) / heavy + 2 * QUANTUM)) / (cost / 2)) + 3;
        for (let round = 0; round < rounds; round += 1) expect(loop.turn(cost).length).toBeGreaterThanOrEqual(1);
        expect(loop.had('large')).toBeGreaterThanOrEqual(2 * size);
        // It pays for each before the next: beside it the others have theirs by weight.
        const due = loop.had('large') / heavy - (size + QUANTUM) / heavy - 2 * QUANTUM;
        expect(loop.had('p0')).toBeGreaterThanOrEqual(due);
      }),
      { numRuns: 100 },
    );
  });

  it('give one who comes back its turn at once and no credit for having been idle', () => {
    const loop = new Loop(true);
    loop.add('quiet', 1, [1_000], 1);
    loop.add('busy', 1, [1_000], ENDLESS);
    for (let round = 0; round < 10; round += 1) loop.turn();
    loop.fill('quiet', 1);
    expect(loop.turn()[0]?.publisher).toBe('quiet');
    loop.fill('quiet', ENDLESS);
    loop.turn();
    const before = { busy: loop.had('busy'), quiet: loop.had('quiet') };
    for (let round = 0; round < 4; round += 1) loop.turn();
    expect(Math.abs(loop.had('busy') - before.busy - (loop.had('quiet') - before.quiet))).toBeLessThan(4 * QUANTUM);
  });

  it('touch only those that get a share, of ten thousand that are ready', () => {
    const shares = new FairShares();
    for (let i = 0; i < 10_000; i += 1) {
      shares.add(`p${i}`, 1);
      shares.ready(`p${i}`, 1_000);
    }
    const removed = jest.spyOn(Heap.prototype, 'remove');
    const taken = shares.take(200_000, 1_000);
    expect(taken.length).toBeGreaterThan(5);
    expect(new Set(removed.mock.calls.map(([item]) => item)).size).toBe(taken.length);
    expect(removed.mock.calls.length).toBeLessThanOrEqual(taken.length + 200_000 / QUANTUM + 1);
    removed.mockRestore();
  });

  it('keep a tenth for replays beside a live backlog, and give them all that live events leave', () => {
    fc.assert(
      fc.property(budget, fc.integer({ min: 1, max: 6_000 }), costs, (cost, events, size) => {
        const loop = new Loop(false);
        const rounds = 100;
        loop.add('live', 1, [2_000], ENDLESS);
        loop.add('replay', 1, [size], ENDLESS, 'replay');
        for (let round = 0; round < rounds; round += 1) {
          const lanes = loop.turn(cost, events).map(({ lane }) => lane);
          expect(lanes).toEqual([...lanes].sort());
        }
        const replayed = loop.had('replay', 'replay');
        expect(replayed).toBeLessThanOrEqual((rounds * cost) / 10 + 3 * size);
        // A tenth as far as whole events make it up: a share keeps room for larger ones than its own.
        const whole = Math.max(1, Math.floor(cost / 10 / (1.5 * size))) * size;
        const share = Math.min(cost / 10, whole, (Math.ceil(events / 10) * size) / 1.5);
        expect(replayed).toBeGreaterThanOrEqual((rounds * share) / 2 - 2 * size);
        loop.fill('live', 0);
        const alone = loop.turn(cost, events);
        expect(alone.map(({ lane }) => lane)).toEqual(['replay']);
        const room = Math.floor(cost / (1.5 * size));
        expect(alone[0]?.events).toBeGreaterThanOrEqual(Math.min(events, Math.max(1, room - 1)));
      }),
      { numRuns: 100 },
    );
  });

  it('give live events what replays leave of their tenth', () => {
    const loop = new Loop(true);
    loop.add('live', 1, [2_000], ENDLESS);
    loop.add('replay', 1, [2_000], 1, 'replay');
    const cost = loop.turn().reduce((sum, share) => sum + share.cost, 0);
    expect(cost).toBeGreaterThan(BUDGET - 3_000);
  });

  it('use a new weight from then on', () => {
    const loop = new Loop(false);
    for (const id of ['a', 'b']) loop.add(id, 1, [1_000], ENDLESS);
    for (let round = 0; round < 5; round += 1) loop.turn();
    const before = loop.had('a');
    expect(Math.abs(before - loop.had('b'))).toBeLessThanOrEqual(2 * QUANTUM);
    loop.shares.add('a', 4);
    for (let round = 0; round < 10; round += 1) loop.turn();
    const share = (loop.had('a') - before) / (loop.had('b') - before);
    expect(share).toBeGreaterThan(3.5);
    expect(share).toBeLessThan(4.5);
  });

  it('count a small event as its work', () => {
    expect([eventCost(0), eventCost(511), eventCost(513)]).toEqual([LEAST_COST, LEAST_COST, 513]);
  });
});
