import { parseFailpoints } from '../../../src/failpoints/plan';

describe('parseFailpoints', () => {
  it('reads name, action, argument and hit', () => {
    expect(
      parseFailpoints(
        'after_kafka_commit=kill:1; before_settle=stop:2;mid_send=error;after_record=sleep:500;after_fence=block:20:3',
      ),
    ).toEqual([
      { name: 'after_kafka_commit', action: { kind: 'kill' }, hit: 1 },
      { name: 'before_settle', action: { kind: 'stop' }, hit: 2 },
      { name: 'mid_send', action: { kind: 'error' }, hit: 1 },
      { name: 'after_record', action: { kind: 'sleep', ms: 500 }, hit: 1 },
      { name: 'after_fence', action: { kind: 'block', ms: 20 }, hit: 3 },
    ]);
  });

  it.each([
    'after_kafka_comit=kill',
    'after_send=explode',
    'after_send=sleep',
    'after_send=kill:0',
    'after_send',
    'mid_send=kill:1:2',
    'a=b=c',
  ])('refuses %s, because a fault that does not exist proves nothing', (text) => {
    expect(() => parseFailpoints(text)).toThrow(/OUTBOX_FAILPOINTS/);
  });
});
