import { setTimeout as delay } from 'node:timers/promises';

/** ms of the machine's monotonic clock: the same in all processes of the machine, and never set back as wall clocks are. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Resolves at the moment `at` of `now()`, or at once if that is past. Timers may be a millisecond late, never early. */
export async function until(at: number): Promise<void> {
  for (let left = at - now(); left > 0; left = at - now()) await delay(Math.ceil(left));
}

/** Asks every `everyMs` until the answer is true; rejects after `deadlineMs` with what was waited for. */
export async function poll(
  what: string,
  deadlineMs: number,
  everyMs: number,
  ask: () => Promise<boolean> | boolean,
): Promise<void> {
  const deadline = now() + deadlineMs;
  while (!(await ask())) {
    if (now() > deadline) throw new Error(`${what}: not after ${deadlineMs} ms`);
    await delay(everyMs);
  }
}
