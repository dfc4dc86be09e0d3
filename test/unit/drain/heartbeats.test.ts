import { setTimeout as delay } from 'node:timers/promises';
import { Heartbeats } from '../../../src/activities/drain/heartbeats';

/** As a frozen process: no timer runs meanwhile. */
function freeze(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

describe('heartbeats of an attempt', () => {
  it('are missed for good by one that was frozen, also when it beats again', async () => {
    let beats = 0;
    const heartbeats = new Heartbeats(() => (beats += 1), 200, 10);
    freeze(150);
    await delay(30);
    expect(beats).toBeGreaterThan(0);
    expect(heartbeats.missed).toBe(true);
    heartbeats.stop();
  });

  it('are not missed while they are sent, nor without a time-out', async () => {
    const heartbeats = new Heartbeats(() => undefined, 60_000, 10);
    const none = new Heartbeats(() => undefined, Infinity, 10);
    freeze(50);
    await delay(30);
    expect([heartbeats.missed, none.missed]).toEqual([false, false]);
    heartbeats.stop();
    none.stop();
  });
});
