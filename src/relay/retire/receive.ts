import { publisherId } from '../../domain/publisher';
import { failpoint } from '../../failpoints/failpoint';
import { movePublishers } from '../../postgres/relay/move';
import type { Parted } from '../../postgres/relay/move';
import type { Attachment, RelayDrain } from '../attachment';
import { lookOnce } from '../looking';
import type { RunState } from '../run-state';

/** A relay that parts with its publishers, and what its memory has of them. */
export interface Parting extends Parted {
  readonly attached: ReadonlyMap<string, Attachment>;
}

export interface Received {
  readonly publishers: number;
  /** Their rows were locked. */
  readonly left: number;
}

/**
 * Takes the publishers of another relay of this worker into the set, each with a scan of its backlog as if it had attached. Null = the other one
 * has been taken over. Rejects when this relay is lost or the answer is unknown: then its run is over, and a take-over adopts what was moved.
 */
export async function receive(state: RunState, from: Parting): Promise<Received | null> {
  try {
    await failpoint('relay_before_move');
    const answer = await movePublishers(state.deps.db, state.held, from);
    await failpoint('relay_after_move');
    if (answer === null) return null;
    // From some moment before the scans begin, looks must see what they may miss.
    if (state.horizon === null) await lookOnce(state);
    const now = Date.now();
    for (const { tenant, destination, shard, drain, asks } of answer.moved) {
      const ref = { tenant, destination, shard };
      const attachment = state.set.add(ref, drain as unknown as RelayDrain, asks, now);
      const before = from.attached.get(publisherId(ref));
      if (before !== undefined) attachment.inherit(before);
      state.set.judge(attachment, now);
    }
    state.work.set();
    state.tending.set();
    return { publishers: answer.moved.length, left: answer.left };
  } catch (error) {
    state.fail(error);
    throw error;
  }
}
