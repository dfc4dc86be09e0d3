import { parseFailpoints } from '../../../src/failpoints/plan';

describe('parseFailpoints', () => {
  it('reads name, action, argument and hit', () => {
    expect(
      parseFailpoints(
        'relay_committed=kill:1; relay_before_settle=stop:2;relay_sent=error;relay_added=sleep:500;relay_after_fence=block:20:3',
      ),
    ).toEqual([
      { name: 'relay_committed', action: { kind: 'kill' }, hit: 1 },
      { name: 'relay_before_settle', action: { kind: 'stop' }, hit: 2 },
      { name: 'relay_sent', action: { kind: 'error' }, hit: 1 },
      { name: 'relay_added', action: { kind: 'sleep', ms: 500 }, hit: 1 },
      { name: 'relay_after_fence', action: { kind: 'block', ms: 20 }, hit: 3 },
    ]);
  });

  it.each([
    'relay_comitted=kill',
    'relay_after_settle=explode',
    'relay_after_settle=sleep',
    'relay_after_settle=kill:0',
    'relay_after_settle',
    'relay_sent=kill:1:2',
    'a=b=c',
  ])('refuses %s, because a fault that does not exist proves nothing', (text) => {
    expect(() => parseFailpoints(text)).toThrow(/OUTBOX_FAILPOINTS/);
  });
});
