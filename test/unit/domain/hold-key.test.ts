import fc from 'fast-check';
import { withoutHeld } from '../../../src/domain/hold-key';
import type { Keyed } from '../../../src/domain/hold-key';

const keyed: fc.Arbitrary<Omit<Keyed, 'id'> & { poison: boolean }> = fc.record({
  key: fc.constantFrom(null, 'a', 'b', 'c'),
  lane: fc.constantFrom('live' as const, 'replay' as const),
  poison: fc.boolean(),
});

/** A selection as a claim makes it: live lane first, then by id. Ids beyond what a number holds. */
const selections = fc.array(keyed, { maxLength: 30 }).map((drafts) => {
  const events = drafts.map((draft, index) => ({ ...draft, id: String(9_007_199_254_740_993n + BigInt(index)) }));
  return events.sort((a, b) => (a.lane === b.lane ? Number(BigInt(a.id) - BigInt(b.id)) : a.lane === 'live' ? -1 : 1));
});

describe('what may go on while events are being parked', () => {
  it('never an event behind a parked one of its key, and never less than that', () => {
    fc.assert(
      fc.property(selections, (events) => {
        const parked = new Set(events.filter(({ poison }) => poison).map(({ id }) => id));
        const kept = withoutHeld(events, parked, 'hold-key');
        const waits = (event: Keyed): boolean =>
          event.lane === 'live' &&
          event.key !== null &&
          events.some(
            (other) =>
              parked.has(other.id) &&
              other.lane === 'live' &&
              other.key === event.key &&
              BigInt(other.id) < BigInt(event.id),
          );
        expect(kept).toEqual(events.filter((event) => !parked.has(event.id) && !waits(event)));
      }),
      { numRuns: 2_000 },
    );
  });

  it('of each key what is kept in the live lane is a beginning of it', () => {
    fc.assert(
      fc.property(selections, (events) => {
        const parked = new Set(events.filter(({ poison }) => poison).map(({ id }) => id));
        const kept = new Set(withoutHeld(events, parked, 'hold-key').map(({ id }) => id));
        for (const key of ['a', 'b', 'c']) {
          const own = events.filter((event) => event.key === key && event.lane === 'live');
          const first = own.findIndex(({ id }) => !kept.has(id));
          expect(first < 0 ? [] : own.slice(first).filter(({ id }) => kept.has(id))).toEqual([]);
        }
      }),
    );
  });

  it('under skip everything but the parked events', () => {
    fc.assert(
      fc.property(selections, (events) => {
        const parked = new Set(events.filter(({ poison }) => poison).map(({ id }) => id));
        expect(withoutHeld(events, parked, 'skip')).toEqual(events.filter(({ poison }) => !poison));
      }),
    );
  });

  it('a late commit with a lower id does not wait', () => {
    const events: Keyed[] = ['7', '8', '9', '10'].map((id) => ({ id, key: 'k', lane: 'live' }));
    expect(withoutHeld(events, new Set(['9']), 'hold-key').map(({ id }) => id)).toEqual(['7', '8']);
  });
});
