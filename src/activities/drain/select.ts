import { replayShare } from '../../domain/replay';
import { selectPending } from '../../postgres/claims';
import type { Claim, ClaimOptions } from '../../postgres/claims';
import { selectCopies } from '../../postgres/replay-claims';
import type { DrainDeps } from './context';
import type { Hold } from './hold';
import { sizeOfAll } from './screen';

export interface MemberOptions extends ClaimOptions {
  readonly maxBytes: number;
  readonly mostCopies: number;
}

/** The part of a batch's bytes that copies get even when live events would fill it. */
const BYTES_PART = 0.1;

/**
 * The members of the next batch: live events first, then copies in what room they leave, a tenth at least. So new events never
 * wait for a replay, and a replay never stops for new events. A publisher without replays pays no second query.
 */
export async function selectMembers(deps: DrainDeps, hold: Hold, options: MemberOptions): Promise<Claim> {
  const live = await selectPending(deps.pool, hold.ref, options);
  const { limit, maxBytes } = options;
  const share = live.copies ? replayShare(limit, live.events.length, Math.random(), options.mostCopies) : 0;
  if (share === 0) return live;
  const taken = sizeOfAll(live.events);
  const copies = await selectCopies(deps.pool, hold.ref, {
    limit: share,
    maxBytes: Math.max(Math.floor(maxBytes * BYTES_PART), maxBytes - taken),
    excludeTopics: options.excludeTopics ?? [],
  });
  // What changed between the two queries raised the revision, and the record under the first one is refused.
  return { ...live, events: [...live.events.slice(0, limit - copies.length), ...copies] };
}

/**
 * True if live events came after a selection of nothing but copies was made, while the batch before was being sent: they would wait
 * for two batches of a replay instead of one.
 */
export async function isOvertaken(
  deps: DrainDeps,
  hold: Hold,
  selection: Claim,
  options: MemberOptions,
): Promise<boolean> {
  const onlyCopies = selection.events.length > 0 && selection.events.every((event) => event.replay !== undefined);
  if (!onlyCopies) return false;
  return (await selectPending(deps.pool, hold.ref, { ...options, limit: 1 })).events.length > 0;
}
