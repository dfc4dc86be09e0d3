import { OutboxError } from '../domain/errors';
import type { PublisherRef } from '../domain/publisher';
import type { Db } from './query';
import { HOLDS_FENCE, RUNNING_MS, fenced, readPublisher, refOf, refValues } from './publishers';

/** Names a drain's right to write: every write below finds 0 rows under another fence and then throws FENCED. */
export interface Held {
  readonly ref: PublisherRef;
  /** As `takeOver` returned it: number and server. */
  readonly fence: string;
}

// Each write is one statement whose first step updates the publisher's row: it waits for that row's lock, compares the fence
// again after the wait, and everything after it hangs on the row it returned. One round trip in place of five, and no
// transaction of a drain ever stays open between two of its steps.
export const RENEWED = `state_until = case when state = 'running'
  then clock_timestamp() + ${RUNNING_MS} * interval '1 ms' else state_until end, updated_at = clock_timestamp()`;
/**
 * A batch is on its way: whatever a drain that lingered or slept had written, it is running now, and the pause of all counts it.
 */
export const RUNNING = `state = case when state in ('sleeping', 'held', 'waking') then 'running' else state end,
  state_until = case when state in ('sleeping', 'held', 'waking', 'running')
    then clock_timestamp() + ${RUNNING_MS} * interval '1 ms' else state_until end, updated_at = clock_timestamp()`;
export const MINE = `tenant_id = $1 and destination = $2 and shard = $3 and ${HOLDS_FENCE}`;

/** $1 to $4 of every write of a drain. */
export function heldValues(held: Held): unknown[] {
  return [...refValues(held.ref), held.fence];
}

/** The row if the fence is still ours, else throws FENCED. */
export async function readHeld(db: Db, held: Held): Promise<{ recorded: number; settled: number; revision: number }> {
  const row = await readPublisher(db, held.ref);
  if (row === null || row.fence !== held.fence) throw fenced(held.ref, held.fence, row);
  return row;
}

export function inconsistent(held: Held, facts: string): OutboxError {
  return new OutboxError(
    'LEDGER_MISMATCH',
    `The publisher's row and its drain disagree although the fence is the same: ${facts}. Was the database restored? An operator must decide: unhalt.`,
    { details: { ...refOf(held.ref), fence: held.fence } },
  );
}
