import fc from 'fast-check';
import { placeOf } from '../../../../src/domain/relay/lineage';
import type { Barrier, Origin } from '../../../../src/domain/relay/types';

const small = fc.nat(3);

/** A server with a barrier of its, and what it says of itself when it looks: its log has only grown. */
interface Side {
  readonly barrier: Barrier;
  readonly own: Origin;
  readonly remembered: { readonly offset: number };
}

function side(server: string): fc.Arbitrary<Side> {
  return fc
    .record({
      system: fc.constantFrom('one', 'two'),
      timeline: small,
      generation: small,
      wal: small,
      grown: small,
      from: small,
      offset: small,
    })
    .map(({ system, timeline, generation, wal, grown, from, offset }) => {
      const origin = { server, system, timeline, generation, wal };
      const barrier: Barrier = { ...origin, kind: 'barrier', fence: 1, from, relays: 1 };
      return { barrier, own: { ...origin, wal: wal + grown }, remembered: { offset } };
    });
}

function sees(one: Side, other: Side, known: readonly string[] = []): string {
  return placeOf(other.barrier, one.own, new Set([one.own.server, ...known]), one.remembered);
}

describe('where two databases stand to each other', () => {
  it('lets at most one of two that do not know each other go on', () => {
    fc.assert(
      fc.property(side('a'), side('b'), (a, b) => {
        expect([sees(a, b), sees(b, a)]).toContain('newer');
      }),
      { numRuns: 5_000 },
    );
  });

  it('stays as it is once one has raised its generation, whatever the other one does', () => {
    fc.assert(
      fc.property(side('a'), small, small, small, (a, longer, behind, later) => {
        const from = { ...a.own, server: 'b', wal: a.own.wal + 1 + longer };
        const b: Side = {
          barrier: { ...a.barrier, ...from, from: a.remembered.offset + behind },
          own: from,
          remembered: a.remembered,
        };
        expect(sees(a, b)).toBe('lost');
        const generation = b.barrier.generation + 1;
        const raised = { ...a, barrier: { ...a.barrier, generation }, own: { ...a.own, generation } };
        expect(sees(raised, b)).toBe('older');
        const restarted = { ...b, own: { ...b.own, server: 'b2', wal: b.own.wal + later } };
        expect([sees(b, raised), sees(restarted, raised, ['b'])]).toEqual(['newer', 'newer']);
      }),
    );
  });

  it('knows its own servers, and that it forgot what they had raised', () => {
    fc.assert(
      fc.property(side('a'), side('b'), (a, b) => {
        expect(sees(a, b, ['b'])).toBe(b.barrier.generation > a.own.generation ? 'lost' : 'mine');
      }),
    );
  });
});
