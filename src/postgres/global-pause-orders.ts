import type { Pool } from 'pg';
import type { EverythingCommand, EverythingNow, GlobalPause } from '../domain/everything';
import { isoOf } from '../domain/iso';
import { audited, entryOfCommand } from './audit';
import { pauseAll, readGlobalPause, resumeAll, runningPublishers } from './global-pause';
import type { Db } from './query';

/**
 * Pauses or resumes everything, with the audit's entry in the same transaction, and answers what is in force then. With a command's id
 * the same id again changes nothing.
 */
export async function orderEverything(
  pool: Pool,
  command: EverythingCommand,
  commandId?: string,
): Promise<EverythingNow> {
  await audited(pool, async (client) => {
    if (commandId !== undefined && (await entryOfCommand(client, commandId)) !== null)
      return { result: null, entry: null };
    const before = entryOf(await readGlobalPause(client));
    await (command.name === 'pause' ? pauseAll(client, command) : resumeAll(client));
    const after = entryOf(await readGlobalPause(client));
    const named = { actor: command.by, action: `all.${command.name}`, tenant: null, why: command.why, commandId };
    return { result: null, entry: { ...named, before, after } };
  });
  return readEverything(pool);
}

/** Whether everything is paused, and how many publishers that still waits for. */
export async function readEverything(db: Db): Promise<EverythingNow> {
  return { paused: await readGlobalPause(db), running: await runningPublishers(db) };
}

function entryOf(pause: GlobalPause | null): object | null {
  return pause === null ? null : { ...pause, since: isoOf(pause.since), until: isoOf(pause.until) };
}
