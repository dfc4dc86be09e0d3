import type { Pool } from 'pg';
import type { EverythingActivities } from '../domain/everything';
import { commandActor } from '../postgres/audit';
import { orderEverything, readEverything } from '../postgres/global-pause-orders';
import { refusedForGood } from './refused-for-good';

/** The local activities of the workflow `everything`: what the admin API's routes do, once for each command's id. */
export function everythingActivities(pool: Pool): EverythingActivities {
  return {
    lookAtEverything: () => readEverything(pool),
    async changeEverything(command, commandId) {
      try {
        const by = commandActor(command.by);
        const now = await orderEverything(pool, { ...command, by }, commandId);
        return { kind: 'done', now };
      } catch (error) {
        return { kind: 'refused', why: refusedForGood(error) };
      }
    },
  };
}
