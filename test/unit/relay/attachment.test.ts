import fc from 'fast-check';
import { Attachment } from '../../../src/relay/attachment';
import type { RelayDrain } from '../../../src/relay/attachment';

const REF = { tenant: 'acme', destination: 'kafka', shard: 0 };
const DRAIN = { request: {}, address: {}, attachedAt: 0 } as unknown as RelayDrain;

/** `commit`: this id becomes visible; looks and scans see what was visible when they began. */
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('commit' as const), id: fc.integer({ min: 1, max: 40 }) }),
    fc.constant({ kind: 'look' as const }),
    fc.constant({ kind: 'scan begins' as const }),
    fc.record({ kind: fc.constant('scan ends' as const), limit: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ kind: fc.constant('named' as const), limit: fc.integer({ min: 1, max: 4 }) }),
    fc.constant({ kind: 'rescan' as const }),
  ),
  { maxLength: 80, size: 'max' },
);

/** Rows of one publisher, and what of them was claimed. */
class World {
  readonly one = new Attachment(REF, DRAIN, false, 0);
  readonly pending = new Set<number>();
  #unseen: number[] = [];
  #scan: { readonly cursor: number; readonly visible: number[] } | null = null;
  readonly #used = new Set<number>();

  commit(id: number): void {
    if (this.#used.has(id)) return;
    this.#used.add(id);
    this.pending.add(id);
    this.#unseen.push(id);
  }

  look(): void {
    for (const id of this.#unseen) if (this.pending.has(id)) this.one.found(String(id));
    this.#unseen = [];
  }

  scanBegins(): void {
    if (this.#scan !== null || this.one.cursor === null || this.one.queue.size > 0) return;
    this.one.scanBegins();
    this.#scan = { cursor: Number(this.one.cursor), visible: [...this.pending] };
  }

  scanEnds(limit: number): void {
    if (this.#scan === null) return;
    const { cursor, visible } = this.#scan;
    this.#scan = null;
    const read = visible
      .filter((id) => id > cursor)
      .sort((a, b) => a - b)
      .slice(0, limit);
    this.one.scanned(read.length === 0 ? null : String(read.at(-1)), read.length < limit);
    for (const id of read) this.pending.delete(id);
  }

  named(limit: number): void {
    if (this.#scan !== null) return;
    const ids = this.one.queue.peek(limit);
    this.one.queue.drop(ids);
    for (const id of ids) this.pending.delete(Number(id));
  }
}

describe('Attachment', () => {
  it('comes to every event in the end, whatever becomes visible while it scans', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const world = new World();
        for (const step of all) {
          if (step.kind === 'commit') world.commit(step.id);
          else if (step.kind === 'look') world.look();
          else if (step.kind === 'scan begins') world.scanBegins();
          else if (step.kind === 'scan ends') world.scanEnds(step.limit);
          else if (step.kind === 'named') world.named(step.limit);
          else world.one.rescan();
        }
        world.scanEnds(4);
        world.look();
        for (let i = 0; i < 200 && (world.one.hasWork || i < 3); i += 1) {
          world.named(4);
          world.scanBegins();
          world.scanEnds(4);
        }
        expect([...world.pending]).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
