import type { Pool } from 'pg';
import type { GlobalPause, GlobalPauseNow, GlobalPauseOrder } from '../domain/global-pause';
import { isoOf } from '../domain/iso';
import { audited } from './audit';
import { pauseAll, readGlobalPause, resumeAll, runningPublishers } from './global-pause';
import type { Db } from './query';

/** Pauses or resumes everything, with the audit's entry in the same transaction, and answers what is in force then. */
export async function orderEverything(pool: Pool, order: GlobalPauseOrder): Promise<GlobalPauseNow> {
  await audited(pool, async (client) => {
    const before = entryOf(await readGlobalPause(client));
    await (order.name === 'pause' ? pauseAll(client, order) : resumeAll(client));
    const after = entryOf(await readGlobalPause(client));
    const named = { actor: order.by, action: `all.${order.name}`, tenant: null, why: order.why };
    return { result: null, entry: { ...named, before, after } };
  });
  return readEverything(pool);
}

/** Whether everything is paused, and how many publishers that still waits for. */
export async function readEverything(db: Db): Promise<GlobalPauseNow> {
  return { paused: await readGlobalPause(db), running: await runningPublishers(db) };
}

function entryOf(pause: GlobalPause | null): object | null {
  return pause === null ? null : { ...pause, since: isoOf(pause.since), until: isoOf(pause.until) };
}
