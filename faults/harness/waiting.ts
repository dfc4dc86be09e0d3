import { setTimeout as delay } from 'node:timers/promises';
import { countFired } from '../../src/audit/fired';

/** Far above what a step takes (3 s), because the machine that runs this may do other things too. */
export const DEADLINE_MS = 60_000;

/** Waits for something that another process does. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`after ${deadlineMs} ms still not: ${what}`);
    await delay(20);
  }
}

/** Resolves when the proof log names a fault so many times, whoever wrote it. */
export async function untilFired(log: string, name: string, times = 1): Promise<void> {
  await until(`${name} fired`, async () => ((await countFired([log])).get(name) ?? 0) >= times);
}
