import { makeEvents, PAYLOAD_BYTES } from '../../../bench/load/events';
import { asMessage } from '../../../bench/load/message';
import { RESERVED_HEADERS } from '../../../src/domain/event';

const options = { seed: 7, count: 500, tenants: ['a', 'b', 'c'], topic: 'orders', round: 'r1' };

describe('events of the benchmarks', () => {
  it('are JSON of 300 bytes each', () => {
    for (const event of makeEvents(options)) {
      expect(event.payload).toHaveLength(PAYLOAD_BYTES);
      JSON.parse(event.payload.toString());
    }
  });

  it('repeat with the seed and differ without', () => {
    expect(makeEvents(options)).toEqual(makeEvents(options));
    expect(makeEvents(options)).not.toEqual(makeEvents({ ...options, seed: 8 }));
  });

  it('take turns among the tenants, each with a dedupe key of its own', () => {
    const events = makeEvents(options);
    expect(events.slice(0, 4).map((event) => event.tenant)).toEqual(['a', 'b', 'c', 'a']);
    expect(new Set(events.map((event) => event.dedupeKey)).size).toBe(events.length);
  });

  it('become messages with all the headers that the product writes', () => {
    const [event] = makeEvents(options);
    if (event === undefined) throw new Error('no event');
    expect(Object.keys(asMessage(event, 0).headers).sort()).toEqual([...RESERVED_HEADERS].sort());
    expect(asMessage(event, 0).key).toBe(`a:${event.key}`);
  });
});
