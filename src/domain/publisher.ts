/**
 * Words used everywhere (SQL, TypeScript, HTTP, metrics, docs mean the same thing by them):
 *
 *   tenant       owner of events; every key, index, metric and rule starts with it
 *   event        one row of outbox.events
 *   publisher    a tenant's long-lived workflow for one destination (and one shard of its ordering keys)
 *   relay        one transactional Kafka producer with one partition of the ledger, which packs events of many publishers into each transaction
 *   batch        what one transaction of a relay holds, numbered per relay by `seq`
 *   ledger       topic of ours in which Kafka itself says what was committed
 *   drain        one run of the activity that attaches a publisher to a relay, until it is detached
 *   grant        what the workflow allows one drain
 *   fence        a number in the relay's row, raised by every take-over; good on the server that gave it only
 *   lane         `live` before `replay`
 */

/** Which publisher: a tenant's events for one destination. */
export interface PublisherRef {
  readonly tenant: string;
  /** `kafka`, or the name of another destination of the tenant. */
  readonly destination: string;
  /** 0 unless the tenant's ordering keys are spread over several publishers. */
  readonly shard: number;
}

export const KAFKA_DESTINATION = 'kafka';

/**
 * The id of a publisher, which is also its workflow id:
 * `publisher:acme`, `publisher:acme#3`, `publisher:acme@webhook`, `publisher:acme@webhook#3`.
 * Each part is percent-encoded, and `@` and `#` never survive that encoding, so no two publishers share an id.
 */
export function publisherId(ref: PublisherRef): string {
  const destination = ref.destination === KAFKA_DESTINATION ? '' : `@${encodeURIComponent(ref.destination)}`;
  const shard = ref.shard === 0 ? '' : `#${ref.shard}`;
  return `publisher:${encodeURIComponent(ref.tenant)}${destination}${shard}`;
}
