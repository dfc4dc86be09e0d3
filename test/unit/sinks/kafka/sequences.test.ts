import { Sequences } from '../../../../src/sinks/kafka/sequences';

describe('sequence numbers', () => {
  it('count per partition and wrap to the remainder after 2^31 - 1', () => {
    const sequences = new Sequences();
    sequences.advance('t', 0, 2 ** 31 - 3);
    expect(sequences.next('t', 0)).toBe(2_147_483_645);
    expect(sequences.next('t', 1)).toBe(0);
    sequences.advance('t', 0, 10);
    expect(sequences.next('t', 0)).toBe(7);
    sequences.reset();
    expect(sequences.next('t', 0)).toBe(0);
  });
});
