export interface BatchLimit {
  readonly events: number;
  /** Payload bytes. */
  readonly bytes: number;
}

// Each drain holds the batch in flight and the one read ahead, with three copies of each payload on the way: without a bound
// 50 drains of 4 MiB batches would take more than a GiB. For 20 drains 2,400 events each are as fast as 6,000; 1,200 are
// 12 % slower.
const WORKER_EVENTS = 48_000;
const WORKER_BYTES = 24 * 1024 * 1024;

// Below this a transaction's fixed cost outweighs its events.
const MIN_EVENTS = 500;
const MIN_BYTES = 512 * 1024;

/**
 * The part of a worker's memory that one of `busy` drains may fill with its next batch: the configured limit while few
 * run, an equal share of a bounded whole when many do.
 */
export function batchShare(configured: BatchLimit, busy: number): BatchLimit {
  const part = (whole: number, least: number): number => Math.max(least, Math.floor(whole / Math.max(1, busy)));
  return {
    events: Math.min(configured.events, part(WORKER_EVENTS, MIN_EVENTS)),
    bytes: Math.min(configured.bytes, part(WORKER_BYTES, MIN_BYTES)),
  };
}
