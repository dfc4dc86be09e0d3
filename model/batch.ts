/** One thing to publish: an event, in the version that was stored under its id, as original or replay. */
export interface Item {
  readonly id: number;
  /** A fail-over can forget an event and give its id to another one: the same id, a higher version. */
  readonly version: number;
  /** 0 = the original, n = the n-th replay. */
  readonly copy: number;
}

/** A batch in a drain's memory. */
export interface Batch {
  readonly seq: number;
  readonly batchId: number;
  readonly items: readonly Item[];
}

/** What Kafka says was committed last. */
export interface LedgerRow {
  readonly seq: number;
  readonly batchId: number;
  /** When it was committed. */
  readonly at: number;
}
