import { residentByKind } from '../../../faults/soak/resident-by-kind';

const mapping = (range: string, name: string, kib: number): string =>
  `${range} rw-p 00000000 00:00 0 ${name}\nSize: 4 kB\nRss:            ${kib} kB\nPss: 1 kB\n`;

describe('what the resident memory of a process is made of', () => {
  it('tells mappings by their names, alignment and length', () => {
    const smaps = [
      mapping('5581a0000000-5581a1000000', '[heap]', 2_048),
      mapping('7f0000000000-7f0004000000', '', 10_240),
      mapping('3c0000040000-3c0000080000', '', 1_024),
      mapping('3c0000080000-3c00000c0000', '', 1_024),
      mapping('7f1000001000-7f1000401000', '', 4_096),
      mapping('7f2000001000-7f2000002000', '', 1_024),
      mapping('7f3000000000-7f3000100000', '/usr/bin/node', 3_072),
      mapping('7ffc00000000-7ffc00100000', '[stack]', 1_024),
    ].join('');
    expect(residentByKind(smaps)).toEqual({ break: 2, arenas: 10, v8: 2, large: 4, small: 1, files: 3, stack: 1 });
  });
});
