import { randomUUID } from 'node:crypto';
import type { DrainRequest } from '../../domain/drain';
import { OutboxError } from '../../domain/errors';
import { memberId } from '../../domain/event';
import type { OutboxEvent } from '../../domain/event';
import { failpoint } from '../../failpoints/failpoint';
import type { RecordedBatch } from '../../postgres/batches';
import { recordAnew } from '../../postgres/parking';
import { batchMembers, copyIdsOf } from '../../postgres/replay-claims';
import type { OutgoingBatch } from '../../sinks/sink';
import { confirmBelieved } from './confirm';
import type { DrainDeps } from './context';
import type { Hold } from './hold';
import type { DrainProgress } from './progress';
import { observeParked, parkedOf, screen, sizeOfAll } from './screen';

/** What a refused send taught: these events were in the refused request, at least one of them can never be sent. */
export interface Refusal {
  readonly code: 'EVENT_TOO_LARGE' | 'EVENT_REFUSED';
  /** `memberId` of each. */
  readonly eventIds: readonly string[];
  readonly reason: string;
}

/**
 * Brings back the one recorded batch that Kafka surely did not commit: sends it again exactly, or, where it must shrink,
 * records it anew under the same seq with a new id. It shrinks only by cutting its tail and by leaving out parked events,
 * what waits behind them and blocked topics, so the order per key holds: what is left out has a higher id or another topic
 * and is claimed later. An event that Kafka refuses by itself is tried `maxAttempts` times: a refusal may be of the topic's
 * settings (its limits of time, say), which somebody is just mending.
 * Answers the batch to publish, or null if nothing of it is left to send.
 */
export async function prepareResend(
  deps: DrainDeps,
  hold: Hold,
  request: DrainRequest,
  progress: DrainProgress,
  stored: RecordedBatch,
  refusal: Refusal | null,
): Promise<OutgoingBatch | null> {
  const events = await batchMembers(deps.pool, hold.ref.tenant, stored);
  const culprit = events.find((event) => memberId(event) === culpritOf(refusal));
  // Attempts are the event's, so a copy has none: it is parked at once, and may be replayed once more.
  const again = culprit?.replay === undefined && (culprit?.attempts ?? 0) + 1 < progress.maxAttempts;
  const tryAgain = culprit !== undefined && again ? [culprit.id] : [];
  const condemned =
    culprit === undefined || tryAgain.length > 0 || refusal === null ? null : parkedOf(culprit, refusal);
  const { sendable, parked, blocked } = await screen(hold, events, progress.onPoison, condemned, progress.refused);
  progress.block(blocked);

  const open = sendable.filter((event) => !progress.blocked.has(event.topic));
  const kept = open.slice(0, allowedLength(open, request, refusal));
  // The next look at the event may have parked it for its size: then that is counted, not the refusal.
  const refused = tryAgain.filter(
    (id) => !parked.some(({ eventId, copyId }) => copyId === undefined && eventId === id),
  );
  if (kept.length === events.length && refused.length === 0) {
    return { batchId: stored.batchId, seq: stored.seq, events };
  }

  return recordRest(deps, hold, progress, { stored, events, kept, parked, refused });
}

/**
 * Takes back a recorded batch that Kafka surely did not commit: its events are pending again. For a publisher that may send nothing
 * now; left as it is, the batch would count as in doubt, and a pause after a worker's death would not be complete until it ends.
 */
export async function withdrawBatch(
  deps: DrainDeps,
  hold: Hold,
  progress: DrainProgress,
  stored: RecordedBatch,
): Promise<void> {
  const events = await batchMembers(deps.pool, hold.ref.tenant, stored);
  await recordRest(deps, hold, progress, { stored, events, kept: [], parked: [], refused: [] });
}

interface Rest {
  readonly stored: RecordedBatch;
  readonly events: readonly OutboxEvent[];
  /** Those that are left in the batch. */
  readonly kept: readonly OutboxEvent[];
  readonly parked: Awaited<ReturnType<typeof screen>>['parked'];
  readonly refused: readonly string[];
}

async function recordRest(
  deps: DrainDeps,
  hold: Hold,
  progress: DrainProgress,
  rest: Rest,
): Promise<OutgoingBatch | null> {
  const { stored, events, kept, parked, refused } = rest;
  const clean = hold.clean;
  if (clean === null)
    throw new OutboxError('INTERNAL', 'recording anew without a clean session; report this as a defect');
  await confirmBelieved(deps, hold, clean.fence);
  const batchId = randomUUID();
  await failpoint('before_record_anew');
  await recordAnew(deps.pool, {
    ref: hold.ref,
    fence: clean.fence,
    seq: stored.seq,
    oldBatchId: stored.batchId,
    batchId,
    grantId: progress.account.grantId,
    eventIds: kept.map((event) => event.id),
    copyIds: copyIdsOf(kept),
    bytes: sizeOfAll(kept),
    parked,
    refused,
  });
  await failpoint('after_record_anew');
  observeParked(deps, hold, parked);
  progress.parked += parked.length;
  deps.observer.note(hold.ref, 'batch recorded anew', { seq: stored.seq, events: kept.length, before: events.length });
  const before = { grantId: stored.grantId, events: events.length, bytes: stored.bytes };
  progress.account.recordedAnew(before, { events: kept.length, bytes: sizeOfAll(kept) });
  if (kept.length === 0) {
    hold.clean = { ...clean, recorded: stored.seq - 1 };
    return null;
  }
  const counted = kept.map((event) =>
    event.replay === undefined && refused.includes(event.id) ? { ...event, attempts: event.attempts + 1 } : event,
  );
  return { batchId, seq: stored.seq, events: counted };
}

/** The one event that was in the refused request; null while there were several. */
function culpritOf(refusal: Refusal | null): string | null {
  return refusal?.eventIds.length === 1 ? (refusal.eventIds[0] ?? null) : null;
}

/** A refused request is halved until one event is left; after a failure the batch is halved; a probe fits its grant. */
function allowedLength(events: readonly OutboxEvent[], request: DrainRequest, refusal: Refusal | null): number {
  let length = Math.min(events.length, Math.max(1, request.events));
  if (request.cautious && refusal === null) length = Math.min(length, Math.ceil(events.length / 2));
  if (refusal !== null && refusal.eventIds.length > 1) {
    const middle = refusal.eventIds[Math.floor(refusal.eventIds.length / 2) - 1];
    const index = events.findIndex((event) => memberId(event) === middle);
    if (index >= 0) length = Math.min(length, index + 1);
  }
  return length;
}
