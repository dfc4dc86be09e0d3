import fc from 'fast-check';
import { CopyLane } from '../../../src/relay/copy-lane';

/** A lane in Postgres: ids that are sendable, and those that were read and not given back. */
type Step =
  | { readonly kind: 'feed'; readonly count: number }
  | { readonly kind: 'look' }
  | { readonly kind: 'claim'; readonly limit: number; readonly interrupted: Step[] }
  | { readonly kind: 'giveBack' };

const simple = fc.oneof(
  fc.record({ kind: fc.constant('feed' as const), count: fc.integer({ min: 1, max: 4 }) }),
  fc.constant({ kind: 'look' as const }),
  fc.constant({ kind: 'giveBack' as const }),
);
const steps = fc.array(
  fc.oneof(
    simple,
    fc.record({
      kind: fc.constant('claim' as const),
      limit: fc.integer({ min: 1, max: 3 }),
      interrupted: fc.array(simple, { maxLength: 2 }),
    }),
  ),
  { maxLength: 60 },
);

/** The lane as the relay sees it, beside the rows that it is about. */
class World {
  readonly lane = new CopyLane();
  readonly pending = new Set<number>();
  readonly taken: number[] = [];
  #last = 0;
  #unseen: number[] = [];

  step(step: Step): void {
    if (step.kind === 'feed') {
      for (let i = 0; i < step.count; i += 1) {
        this.#last += 1;
        this.pending.add(this.#last);
        this.#unseen.push(this.#last);
      }
    } else if (step.kind === 'look') {
      if (this.#unseen.length > 0) this.lane.found(String(Math.min(...this.#unseen)));
      this.#unseen = [];
    } else if (step.kind === 'giveBack') {
      const back = this.taken.splice(0);
      for (const id of back) this.pending.add(id);
      if (back.length > 0) this.lane.found(String(Math.min(...back)));
    } else if (this.lane.waiting) this.#claim(step.limit, step.interrupted);
  }

  #claim(limit: number, interrupted: readonly Step[]): void {
    this.lane.claimBegins();
    const behind = Number(this.lane.cursor);
    const rows = [...this.pending].filter((id) => id > behind).sort((a, b) => a - b);
    const read = rows.slice(0, limit);
    for (const step of interrupted) this.step(step);
    this.lane.claimed(read.length === 0 ? null : String(read.at(-1)), read.length < limit);
    for (const id of read) {
      this.pending.delete(id);
      this.taken.push(id);
    }
  }
}

describe('CopyLane', () => {
  it('is empty until a look has found copies', () => {
    const lane = new CopyLane();
    expect(lane.waiting).toBe(false);
    lane.found('7');
    expect([lane.waiting, lane.cursor]).toEqual([true, '0']);
    lane.claimBegins();
    lane.claimed('9', true);
    expect([lane.waiting, lane.cursor]).toEqual([false, '9']);
    lane.found('8');
    expect([lane.waiting, lane.cursor]).toEqual([true, '7']);
  });

  it('claims every copy in the end, whatever is fed, given back and found in between', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const world = new World();
        for (const step of all) world.step(step as Step);
        world.step({ kind: 'look' });
        for (let i = 0; i < 1_000 && world.lane.waiting; i += 1) {
          world.step({ kind: 'claim', limit: 3, interrupted: [] });
        }
        expect([...world.pending]).toEqual([]);
      }),
    );
  });
});
