import fc from 'fast-check';
import { Pace } from '../../../src/activities/drain/pace';

describe('pace of transactions beside others', () => {
  it('settles where a transaction takes about as long as it may, whatever the costs', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1, max: 20, noNaN: true }),
        fc.double({ min: 0.01, max: 0.3, noNaN: true }),
        (fixedMs, msPerEvent) => {
          const pace = new Pace();
          for (let i = 0; i < 40; i += 1) {
            const events = pace.eventsWithin(50);
            pace.sent(events, fixedMs + events * msPerEvent);
          }
          const events = pace.eventsWithin(50);
          const ms = fixedMs + events * msPerEvent;
          expect(events === 300 || Math.abs(ms - 50) < 5).toBe(true);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('goes as far below as the caller allows', () => {
    const pace = new Pace();
    pace.sent(500, 30_000);
    expect(pace.eventsWithin(15, 150)).toBe(150);
    expect(pace.eventsWithin(60_000, 150)).toBe(1_000);
  });

  it('never goes below what is worth a transaction, and forgets one slow answer soon', () => {
    const pace = new Pace();
    expect(pace.eventsWithin(50)).toBe(500);
    pace.sent(500, 30_000);
    expect(pace.eventsWithin(50)).toBe(300);
    for (let i = 0; i < 14; i += 1) pace.sent(500, 20);
    expect(pace.eventsWithin(50)).toBeGreaterThan(700);
  });
});
