import { OutboxError } from '../../domain/errors';
import type { OutboxEvent } from '../../domain/event';
import type { Placement } from '../../sinks/sink';

/** Joins the events of a batch with where the sink says they went; both are in batch order. */
export function placed(
  events: readonly OutboxEvent[],
  placements: readonly Placement[],
): { eventId: string; partition: number; offset: string }[] {
  if (events.length !== placements.length) {
    throw new OutboxError(
      'INTERNAL',
      `the sink placed ${placements.length} of ${events.length} events; report this as a defect`,
    );
  }
  return events.map((event, index) => {
    const place = placements[index];
    return { eventId: event.id, partition: place?.partition ?? 0, offset: place?.offset ?? '0' };
  });
}
