import * as fc from 'fast-check';
import { figuresOf } from '../../../faults/soak/samples';

describe('the figures of a soak', () => {
  it('find the slope of memory that grows evenly, whatever it began with', () => {
    fc.assert(
      fc.property(fc.integer({ min: 50, max: 500 }), fc.integer({ min: -20, max: 20 }), (start, perMinute) => {
        const samples = Array.from({ length: 300 }, (_, i) => ({
          at: i / 10,
          rssMb: start + (perMinute * i) / 10,
          fds: 30,
        }));
        expect(figuresOf(samples, 30).rssSlopeMbPerMinute).toBeCloseTo(perMinute, 1);
      }),
    );
  });

  it('leave the warm-up out', () => {
    const samples = Array.from({ length: 300 }, (_, i) => ({
      at: i / 10,
      rssMb: i < 30 ? 100 + i : 130,
      fds: i < 30 ? 10 : 30,
    }));
    expect(figuresOf(samples, 30)).toMatchObject({
      rssSlopeMbPerMinute: 0,
      fdsFirst: 30,
      fdsLast: 30,
      rssFirstMb: 130,
    });
  });

  it('are not moved by one moment with many sockets', () => {
    const samples = Array.from({ length: 300 }, (_, i) => ({ at: i / 10, rssMb: 100, fds: i % 29 === 0 ? 90 : 30 }));
    expect(figuresOf(samples, 30)).toMatchObject({ fdsFirst: 30, fdsLast: 30 });
  });
});
