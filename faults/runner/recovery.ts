import { setTimeout as delay } from 'node:timers/promises';
import type { Installation } from '../harness/installation';

/**
 * How long (ms) it takes from now until everything that is in the outbox now has left `pending`. New events come in
 * meanwhile and do not count, nor do those of `exceptTopics`. Postgres may be down when this begins.
 */
export async function untilCaughtUp(
  installation: Installation,
  deadlineMs: number,
  exceptTopics: readonly string[] = [],
): Promise<number> {
  const started = Date.now();
  let upTo: string | null = null;
  let last = 'nothing was asked yet';
  while (Date.now() - started < deadlineMs) {
    try {
      upTo ??= (await one(installation, 'select coalesce(max(event_id), 0)::text as value from outbox.events')) ?? null;
      const sql = `select count(*)::text as value from outbox.events where status = 'pending' and event_id <= $1 and topic <> all ($2)`;
      const pending = await one(installation, sql, [upTo, exceptTopics]);
      if (pending === '0') return Date.now() - started;
      last = `${pending} events up to ${upTo} are still pending`;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    await delay(20);
  }
  throw new Error(`not recovered after ${deadlineMs} ms: ${last}`);
}

async function one(installation: Installation, text: string, values: unknown[] = []): Promise<string | undefined> {
  return (await installation.query<{ value: string }>(text, values))[0]?.value;
}
