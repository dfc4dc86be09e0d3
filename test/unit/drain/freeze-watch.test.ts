import { setTimeout as delay } from 'node:timers/promises';
import { FreezeWatch } from '../../../src/activities/drain/freeze-watch';

/** As a frozen process: no timer runs meanwhile. */
function freeze(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

const EVERY_MS = 10;
const never = new AbortController().signal;

describe('what a worker does after it stood still', () => {
  it('waits until whoever was given up has heard of it, whether or not a timer has run since', async () => {
    const watch = new FreezeWatch(1_000, EVERY_MS, 300);
    freeze(600);
    const thawed = performance.now();
    await delay(2 * EVERY_MS);
    await watch.thawed(never);
    expect(performance.now() - thawed).toBeGreaterThanOrEqual(299);
    freeze(600);
    const again = performance.now();
    await watch.thawed(never);
    expect(performance.now() - again).toBeGreaterThanOrEqual(299);
    watch.stop();
  });

  it('ends the wait when told to stop, and waits for nothing without a freeze', async () => {
    const watch = new FreezeWatch(1_000, EVERY_MS, 3_600_000);
    await watch.thawed(never);
    freeze(600);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    await watch.thawed(stop.signal);
    expect(stop.signal.aborted).toBe(true);
    watch.stop();
  });
});
