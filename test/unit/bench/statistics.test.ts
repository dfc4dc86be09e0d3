import { median, percentile, rounded } from '../../../bench/harness/statistics';

describe('statistics of the benchmarks', () => {
  it('takes the middle, or the mean of the two middle values', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  it('takes percentiles by nearest rank: a value that was measured, never one in between', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([0.5, 0.95, 0.99, 1].map((share) => percentile(hundred, share))).toEqual([50, 95, 99, 100]);
    expect(percentile([7], 0.99)).toBe(7);
    expect(percentile([], 0.5)).toBeNaN();
  });

  it('does not change its input', () => {
    const values = [2, 1];
    median(values);
    percentile(values, 0.5);
    expect(values).toEqual([2, 1]);
  });

  it('rounds to decimals', () => {
    expect(rounded(1.2345, 2)).toBe(1.23);
    expect(rounded(17_654.4)).toBe(17_654);
  });
});
