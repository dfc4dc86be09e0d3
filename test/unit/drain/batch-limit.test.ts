import { batchLimit } from '../../../src/activities/drain/batch-limit';
import { Pace } from '../../../src/activities/drain/pace';

const CONFIGURED = { events: 6_000, bytes: 4 << 20 };
const alone = { busy: 1, shared: false, slowed: false, outnumbered: false };

/** A pace at which a transaction of 50 ms has 2,500 events. */
function measured(): Pace {
  const pace = new Pace();
  pace.sent(1_000, 20);
  return pace;
}

describe('the next batch of a drain', () => {
  it('is as large as configured while nobody else uses the worker', () => {
    expect(batchLimit(CONFIGURED, alone, measured(), false)).toEqual(CONFIGURED);
  });

  it('is over within 50 ms beside publishers that linger or wait for a slot', () => {
    expect(batchLimit(CONFIGURED, { ...alone, shared: true }, measured(), false).events).toBe(2_500);
  });

  it('is over within 12 ms while their looks are slow, and never tiny', () => {
    const slowed = { busy: 1, shared: true, slowed: true, outnumbered: true };
    expect(batchLimit(CONFIGURED, slowed, measured(), false).events).toBe(600);
    const slow = new Pace();
    slow.sent(100, 1_000);
    expect(batchLimit(CONFIGURED, slowed, slow, false).events).toBe(120);
  });

  it('is over within 50 ms while looks of a few are slow, or of many quick', () => {
    for (const one of [{ slowed: true }, { outnumbered: true }])
      expect(batchLimit(CONFIGURED, { ...alone, shared: true, ...one }, measured(), false).events).toBe(2_500);
  });

  it('is small after a failure', () => {
    expect(batchLimit(CONFIGURED, alone, measured(), true).events).toBe(500);
    expect(batchLimit({ events: 20, bytes: 1 }, alone, measured(), true)).toEqual({ events: 20, bytes: 1 });
  });
});
