import fc from 'fast-check';
import { createFollower } from '../../../src/cli/follow';
import type { FollowedEvent } from '../../../src/cli/follow';

const START = Date.parse('2026-01-01T00:00:00Z');
const timeOf = (event: FollowedEvent): number => Date.parse(String(event['created_at']));

interface Committed {
  readonly event: FollowedEvent;
  readonly committedAt: number;
}

const traffic = (lookbackMs: number): fc.Arbitrary<Committed[]> =>
  fc
    .array(fc.record({ at: fc.nat(20_000), delay: fc.nat(lookbackMs - 1), tenant: fc.constantFrom('a', 'b') }), {
      maxLength: 60,
    })
    .map((events) =>
      events.map(({ at, delay, tenant }, index) => ({
        event: { tenant_id: tenant, id: String(index + 1), created_at: new Date(START + at).toISOString() },
        committedAt: START + at + delay,
      })),
    );

/** Looks at the given times and at the end; each look sees what is committed by then, from the floor on. */
function follow(events: readonly Committed[], looks: readonly number[], lookbackMs: number): FollowedEvent[][] {
  const follower = createFollower({ from: START, lookbackMs, timeOf });
  const times = [START, ...looks.map((look) => START + look).sort((a, b) => a - b), START + 100_000];
  return times.map((time) =>
    follower.take(
      events
        .filter(({ event, committedAt }) => committedAt <= time && timeOf(event) >= follower.floor())
        .map(({ event }) => event),
    ),
  );
}

test('every event is shown once, whenever one looks, if it is committed within the lookback', () => {
  fc.assert(
    fc.property(traffic(5_000), fc.array(fc.nat(30_000), { maxLength: 20 }), (events, looks) => {
      const shown = follow(events, looks, 5_000).flat();
      const ids = shown.map((event) => String(event['id'])).sort();
      expect(ids).toEqual(events.map(({ event }) => String(event['id'])).sort());
    }),
    { numRuns: 1_000 },
  );
});

test('the events of one look are shown by time, then by id as a number', () => {
  const at = (id: string, seconds: number): Committed => ({
    event: { tenant_id: 'a', id, created_at: new Date(START + seconds * 1_000).toISOString() },
    committedAt: START,
  });
  const [, shown] = follow(
    [at('10', 2), at('9', 2), at('8', 3), at('11', 1)].map((each) => ({ ...each, committedAt: START + 1 })),
    [5_000],
    1_000,
  );
  expect(shown?.map((event) => event['id'])).toEqual(['11', '9', '10', '8']);
});

test('what was there before the start is not shown, also when it comes again', () => {
  const follower = createFollower({ from: START, lookbackMs: 10_000, timeOf });
  const old = { tenant_id: 'a', id: '1', created_at: new Date(START - 1).toISOString() };
  const late = { tenant_id: 'a', id: '2', created_at: new Date(START - 2).toISOString() };
  expect(follower.take([old])).toEqual([]);
  expect(follower.take([old, late, late])).toEqual([late]);
});
