import fc from 'fast-check';
import { GrantAccount } from '../../../src/activities/drain/grant-account';

const of = (events: number): { events: number; bytes: number } => ({ events, bytes: events * 10 });
const account = (events = 100): GrantAccount => new GrantAccount({ grantId: 'mine', events, bytes: events * 10 });

describe('what a drain recorded under its grant', () => {
  it('counts a record before its answer, and takes a refused one out again', () => {
    const mine = account();
    mine.records(of(30));
    expect([mine.remaining, mine.remainingBytes, mine.hasRecorded]).toEqual([70, 700, true]);
    mine.recordedNothing(of(30));
    expect([mine.remaining, mine.hasRecorded]).toEqual([100, false]);
  });

  it('gives back what another grant had paid for, and only the rest of it is to be recorded here', () => {
    const mine = account();
    mine.recordedAnew({ grantId: 'other', ...of(40) }, of(15));
    expect(mine.total).toEqual(of(-25));
    expect(mine.remaining).toBe(85);
  });

  it('is all that the grant allows where an earlier attempt could never be asked for', () => {
    const mine = account();
    expect(mine.mostTotal).toEqual(of(100));
    mine.recordedBefore(of(3));
    expect(mine.mostTotal).toEqual(of(3));
  });

  it('is the same by what Postgres has, whatever was recorded, cut off and tried before', () => {
    const step = fc.record({ events: fc.nat(20), cutTo: fc.option(fc.nat(20)), ofOther: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step), fc.nat(30), (steps, before) => {
        const mine = account();
        let stored = before;
        mine.recordedBefore(of(before));
        for (const { events, cutTo, ofOther } of steps) {
          const kept = Math.min(events, cutTo ?? events);
          if (!ofOther) mine.records(of(events));
          if (ofOther || cutTo !== null)
            mine.recordedAnew({ grantId: ofOther ? 'other' : 'mine', ...of(events) }, of(kept));
          stored += kept;
        }
        expect(mine.totalOf(of(stored))).toEqual(mine.total);
      }),
    );
  });
});
