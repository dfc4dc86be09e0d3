import { IdQueue } from '../../../src/relay/id-queue';

describe('the queue of looked-up ids', () => {
  it('gives the lowest, and drops what was claimed but not a lower one that came meanwhile', () => {
    const queue = new IdQueue();
    for (const id of ['10', '20', '30', '20']) queue.add(id);
    const claimed = queue.peek(2);
    expect(claimed).toEqual(['10', '20']);
    queue.add('5');
    queue.drop(claimed);
    expect(queue.peek(9)).toEqual(['5', '30']);
    queue.drop(['5', '30']);
    expect(queue.size).toBe(0);
  });
});
