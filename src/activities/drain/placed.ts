import { OutboxError } from '../../domain/errors';
import type { OutboxEvent } from '../../domain/event';
import type { Place } from '../../postgres/settle';
import type { Placement } from '../../sinks/sink';
import type { DrainDeps } from './context';
import type { Hold } from './hold';

/** Joins the events of a batch with where the sink says they went; both are in batch order. */
export function placed(events: readonly OutboxEvent[], placements: readonly Placement[]): Place[] {
  if (events.length !== placements.length) {
    throw new OutboxError(
      'INTERNAL',
      `the sink placed ${placements.length} of ${events.length} events; report this as a defect`,
    );
  }
  return events.map((event, index) => {
    const place = placements[index];
    return {
      eventId: event.id,
      copyId: event.replay?.copyId,
      partition: place?.partition ?? 0,
      offset: place?.offset ?? '0',
    };
  });
}

/** Reports a settled batch. Copies are no fresh events: their age would drown what the latency of live ones says. */
export function observePublished(deps: DrainDeps, hold: Hold, events: readonly OutboxEvent[]): void {
  const originals = events.filter((event) => event.replay === undefined);
  if (originals.length > 0) {
    deps.observer.published(
      hold.ref,
      originals.map((event) => event.createdAt),
    );
  }
  if (originals.length < events.length) deps.observer.replayed(hold.ref, events.length - originals.length);
}
