import { batchShare } from './batch-share';
import type { BatchLimit } from './batch-share';
import type { LingerHub } from './linger';
import type { Pace } from './pace';

/** After a failure, which may be a destination too slow for many. */
const CAUTIOUS_EVENTS = 500;

/** A transaction beside publishers that wait for their next event, or for a slot, is cut to about this, ms. */
const SHARED_TRANSACTION_MS = 50;

/**
 * And to this while looks for the events of many of them are slow. Each step of a large transaction holds up the others' steps at the
 * worker, Postgres and the broker: beside a backlog with transactions of 50 ms p99 of 50 quiet publishers on two cores was 153 to 163 ms, with 25 ms 155 to
 * 197, 15 ms 85 to 112, 12 ms 78 and 81, 8 ms 85, and the backlog took 26 to 31, 36 to 50, 36 to 58, 43 and 46, and 91 s. Not where the
 * busy are many: the first of twenty that is done would slow down the others.
 */
const GENTLE = { transactionMs: 12, leastEvents: 120 };

/** Most events and payload bytes of a drain's next batch, by who else uses its worker. */
export function batchLimit(
  configured: BatchLimit,
  linger: Pick<LingerHub, 'busy' | 'shared' | 'slowed' | 'outnumbered'>,
  pace: Pace,
  cautious: boolean,
): BatchLimit {
  const share = batchShare(configured, linger.busy);
  const most = Math.min(share.events, paced(linger, pace), cautious ? CAUTIOUS_EVENTS : Infinity);
  return { events: most, bytes: share.bytes };
}

function paced(linger: Pick<LingerHub, 'shared' | 'slowed' | 'outnumbered'>, pace: Pace): number {
  if (linger.slowed && linger.outnumbered) return pace.eventsWithin(GENTLE.transactionMs, GENTLE.leastEvents);
  return linger.shared ? pace.eventsWithin(SHARED_TRANSACTION_MS) : Infinity;
}
