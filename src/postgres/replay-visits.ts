import type { Db } from './query';
import { query } from './query';

export interface ReplayRef {
  readonly tenant: string;
  readonly replayId: string;
}

/** A signal that is lost is repeated after this. */
const AGAIN_SECONDS = 10;

/**
 * Replays whose workflow has to be started or woken: new ones, changed ones, and those whose workflow has not come for a minute
 * (terminated, or Temporal wiped). Marks them, so that each is signalled once.
 */
export async function dueReplays(db: Db, limit: number): Promise<ReplayRef[]> {
  return query<ReplayRef & Record<string, unknown>>(
    db,
    `with due as (
       select tenant_id, replay_id from outbox.replays where visit_at < clock_timestamp()
       order by visit_at limit $1 for update skip locked
     )
     update outbox.replays s set visit_at = clock_timestamp() + ${AGAIN_SECONDS} * interval '1 second' from due
     where s.tenant_id = due.tenant_id and s.replay_id = due.replay_id
     returning s.tenant_id as tenant, s.replay_id as "replayId"`,
    [limit],
  );
}
