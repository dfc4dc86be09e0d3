import { parkOnRelay } from '../postgres/relay/park';
import type { Parked } from '../postgres/parking';
import { failpoint } from '../failpoints/failpoint';
import type { Attachment } from './attachment';
import type { RunState } from './run-state';

/** Parks events that can never be sent as they are: kept, with status failed and the reason. Under the fence, like every write. */
export async function parkClaimed(state: RunState, attachment: Attachment, parked: readonly Parked[]): Promise<void> {
  if (parked.length === 0) return;
  const { deps, held } = state;
  await failpoint('before_park');
  await parkOnRelay(deps.db, held, attachment.ref, parked);
  await failpoint('after_park');
  attachment.parked += parked.length;
  attachment.holds = true;
  for (const { code, eventId, reason } of parked) {
    deps.observer.parked(attachment.ref, code, 1);
    deps.observer.note('event parked', { tenant: attachment.ref.tenant, eventId, code, reason });
  }
}
