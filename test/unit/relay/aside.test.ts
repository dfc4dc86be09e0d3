import type { OutboxEvent } from '../../../src/domain/event';
import { MetAside } from '../../../src/relay/aside';

const event = (id: string, key: string | null, topic = 't'): OutboxEvent =>
  ({ id, key, topic, tenant: 'acme' }) as unknown as OutboxEvent;

describe('events that claims met and that are not aside yet', () => {
  it('hold later ones of their key, or of their topic, until a claim begins that sees them written', () => {
    const aside = new MetAside();
    aside.add(event('5', 'a'), 2, 7);
    aside.add(event('9', null, 'sick'), 3, 7);
    expect(aside.laneOf(event('10', 'a'))).toBe(2);
    expect(aside.laneOf(event('4', 'a'))).toBe(0);
    expect(aside.laneOf(event('10', 'b'))).toBe(0);
    expect(aside.laneOf(event('10', 'b', 'sick'))).toBe(3);
    const piece = aside.take(10);
    expect(piece).toEqual({
      revision: 7,
      events: [
        { id: '5', lane: 2 },
        { id: '9', lane: 3 },
      ],
    });
    aside.written(piece?.events ?? []);
    expect(aside.size).toBe(0);
    expect(aside.laneOf(event('10', 'a'))).toBe(2);
    aside.claimBegins();
    expect(aside.laneOf(event('10', 'a'))).toBe(0);
  });

  it('are written by revision, and judged anew together', () => {
    const aside = new MetAside();
    aside.add(event('1', 'a'), 2, 1);
    aside.add(event('2', 'a'), 2, 2);
    expect(aside.take(10)).toEqual({ revision: 1, events: [{ id: '1', lane: 2 }] });
    expect(aside.clear()).toEqual(['1', '2']);
    expect(aside.laneOf(event('3', 'a'))).toBe(0);
  });
});
