import { failpoint } from '../failpoints/failpoint';
import { adoptPublishers } from '../postgres/relay/relays';
import type { RelayDrain } from './attachment';
import type { RunState } from './run-state';

/**
 * T5: the publishers that the relay had before are in its set again, under the new fence, without a word to Temporal. What is locked is
 * adopted later, `state.toAdopt` of them.
 */
export async function adopt(state: RunState): Promise<void> {
  await failpoint('relay_before_adopt');
  const { adopted, left } = await adoptPublishers(state.deps.db, state.held);
  state.toAdopt = left;
  const now = Date.now();
  for (const { tenant, destination, shard, drain, asks } of adopted) {
    const known = drain as unknown as RelayDrain;
    const attachment = state.set.add({ tenant, destination, shard }, known, asks, now);
    // How it had ended when the relay died between its end and its detaching.
    if (known === null) state.set.end(attachment, 'time');
  }
  if (adopted.length > 0) state.work.set();
  state.tending.set();
  await failpoint('relay_after_adopt');
}
