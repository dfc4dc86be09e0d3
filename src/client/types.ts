/** The caller's own `pg` Client, PoolClient or Pool (with a Pool, each call is a transaction of its own). */
export interface Queryable {
  query(text: string, values: unknown[]): Promise<{ rows: unknown[] }>;
}

export interface EnqueueEvent {
  readonly tenant: string;
  /** Kafka topic. */
  readonly topic: string;
  /** What happened, such as `order.created`. */
  readonly type: string;
  /** Ordering key: events of one key are published in the order in which their transactions follow each other. */
  readonly key?: string | null;
  /** Idempotency key, unique per tenant for as long as the event is kept; default: a UUIDv7, that is, no deduplication. */
  readonly dedupeKey?: string | null;
  readonly headers?: Readonly<Record<string, string>> | null;
  /** Any JSON value, published as JSON.stringify writes it; or a Buffer or Uint8Array, published as it is. */
  readonly payload?: unknown;
  /** Default: application/json for JSON, none for bytes. */
  readonly contentType?: string | null;
  /** An event without a payload, which deletes its key from a compacted topic. Takes the place of `payload`. */
  readonly tombstone?: boolean;
}

export interface EnqueueResult {
  /** Decimal string; the first event's id if this one is a duplicate. */
  readonly id: string;
  /** The dedupe key was used before by an event of the same content: nothing new was enqueued. */
  readonly duplicate: boolean;
}
