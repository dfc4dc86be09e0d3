import { now, poll } from '../../harness/clock';
import { median, rounded } from '../../harness/statistics';
import { Driver, each, ended } from './driver';
import type { DevServer } from './dev-server';
import type { Kind } from './shapes';

/** Kills the worker that opened the drains, completes them from here, and times what the other worker makes of it. */
export async function workerKilled(server: DevServer, stickyMs: number, count: number, kind: Kind = 'elsewhere') {
  const driver = await Driver.connect(server, `killed-${stickyMs}-${kind}`);
  const first = await driver.worker({ stickyMs });
  const ids = Array.from({ length: count }, (_, index) => `killed-${stickyMs}-${kind}-${index}`);
  await each(ids, 40, (id) => driver.wake(id, kind));
  await poll('all drains are open', 60_000, 20, () => ids.every((id) => driver.open.has(id)));
  const second = await driver.worker({ stickyMs });
  await ended(first, 'SIGKILL');
  const heard: number[] = [];
  const results = new Set<string>();
  const start = now();
  driver.onDone = ({ result }) => {
    heard.push(now() - start);
    results.add(result);
  };
  const errors = new Set<string>();
  await each(ids, 40, async (id) => {
    const address = driver.open.get(id);
    if (address !== undefined) await driver.complete(address).catch((error: unknown) => errors.add(String(error)));
  });
  const acknowledged = now() - start;
  await poll('the other worker has them all', 120_000, 20, () => heard.length >= count);
  await ended(second, 'SIGTERM');
  await driver.close();
  return {
    kind,
    stickyMs,
    count,
    acknowledgedMs: rounded(acknowledged),
    firstMs: rounded(Math.min(...heard)),
    medianMs: rounded(median(heard)),
    lastMs: rounded(Math.max(...heard)),
    results: [...results],
    errors: [...errors],
  };
}
