/**
 * Words used everywhere (SQL, TypeScript, HTTP, metrics, docs mean the same thing by them):
 *
 *   tenant       owner of events; every key, index, metric and rule starts with it
 *   event        one row of outbox.events
 *   publisher    a tenant's long-lived workflow for one destination (and one shard of its ordering keys)
 *   batch        the events of one Kafka transaction, numbered per publisher by `seq`, recorded before it is sent
 *   ledger       where Kafka itself says which batch was committed last
 *   drain        one activity run: settle what is unsettled, then claim, send and settle until the grant is used
 *   grant        how many events the workflow allows one drain
 *   fence        a number in the publisher's row, raised by every drain that takes over; good on the server that gave it only
 *   lane         `live` before `replay`
 */

/** Which publisher: the owner of one stream of batches, one transactional id and one ledger. */
export interface PublisherRef {
  readonly tenant: string;
  /** `kafka`, or the name of another destination of the tenant. */
  readonly destination: string;
  /** 0 unless the tenant's ordering keys are spread over several publishers. */
  readonly shard: number;
}

export const KAFKA_DESTINATION = 'kafka';

/**
 * The id of a publisher, which is also its workflow id and the first part of the `x-producer-id` header:
 * `publisher:acme`, `publisher:acme#3`, `publisher:acme@webhook`, `publisher:acme@webhook#3`.
 * Each part is percent-encoded, and `@` and `#` never survive that encoding, so no two publishers share an id.
 */
export function publisherId(ref: PublisherRef): string {
  const destination = ref.destination === KAFKA_DESTINATION ? '' : `@${encodeURIComponent(ref.destination)}`;
  const shard = ref.shard === 0 ? '' : `#${ref.shard}`;
  return `publisher:${encodeURIComponent(ref.tenant)}${destination}${shard}`;
}

/** The transactional id: a pure function of the installation and the publisher, never random, never per attempt. */
export function transactionalId(installId: string, ref: PublisherRef): string {
  return `outbox.${installId}.${publisherId(ref)}`;
}

/** The private consumer group whose committed offset is the ledger of this publisher. */
export function ledgerGroup(installId: string, ref: PublisherRef): string {
  return `outbox-ledger.${installId}.${publisherId(ref)}`;
}
