import fc from 'fast-check';
import { LookTimes } from '../../../src/activities/drain/look-times';

const after = (...looks: number[]): number => {
  const times = new LookTimes();
  for (const look of looks) times.took(look);
  return times.rest;
};
const many = (ms: number): number[] => new Array<number>(200).fill(ms);

describe('the rest of a backlog beside publishers that linger', () => {
  it('is none before the first look and while looks are as quick as they can be, near or far', () => {
    expect(after()).toBe(0);
    fc.assert(fc.property(fc.double({ min: 0.1, max: 100, noNaN: true }), (ms) => after(...many(ms)) === 0));
  });

  it('begins when looks take more than twice as long, and ends with that', () => {
    expect(after(...many(1), ...many(3))).toBeGreaterThan(0.5);
    expect(after(...many(1), ...many(3), ...many(1))).toBe(0);
  });

  it('is never longer than the work, whatever looks take', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -10, max: 1e6, noNaN: true }), { maxLength: 50 }), (looks) => {
        const rest = after(...looks);
        return rest >= 0 && rest <= 1;
      }),
    );
  });

  it('ends by itself where the database has become slower for good', () => {
    const times = new LookTimes();
    for (const ms of many(1)) times.took(ms);
    for (let i = 0; i < 5_000; i += 1) times.took(10);
    expect(times.rest).toBe(0);
  });
});
