import type { OutboxEvent } from '../domain/event';
import { failCopies, parkOnRelay } from '../postgres/relay/park';
import type { Parked } from '../postgres/relay/park';
import { failpoint } from '../failpoints/failpoint';
import type { Attachment } from './attachment';
import type { RunState } from './run-state';

/**
 * Parks events that can never be sent as they are: kept, with status failed and the reason. Copies of replays are marked as failed in the same
 * way, and hold nothing. Under the fence, like every write.
 */
export async function parkClaimed(state: RunState, attachment: Attachment, parked: readonly Parked[]): Promise<void> {
  if (parked.length === 0) return;
  const { deps, held } = state;
  const copies = parked.filter(({ copyId }) => copyId !== undefined);
  const events = parked.filter(({ copyId }) => copyId === undefined);
  await failpoint('before_park');
  if (copies.length > 0) await failCopies(deps.db, held, attachment.ref, copies);
  if (events.length > 0) await parkOnRelay(deps.db, held, attachment.ref, events);
  await failpoint('after_park');
  attachment.parked += parked.length;
  if (events.length > 0) attachment.asks = true;
  for (const { code, eventId, reason } of parked) {
    deps.observer.parked(attachment.ref, code, 1);
    deps.observer.note('event parked', { tenant: attachment.ref.tenant, eventId, code, reason });
  }
}

/** An event, or the copy of one, with why it is parked. */
export function parkedOf(event: OutboxEvent, why: { readonly code: string; readonly reason: string }): Parked {
  return { eventId: event.id, copyId: event.replay?.copyId, code: why.code, reason: why.reason };
}
