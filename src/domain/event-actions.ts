/** Most events of one order: relays wait for the publisher's row meanwhile. */
export const MAX_ACTION_EVENTS = 1_000;

/** Why an event was left as it is. `in_flight`: a relay has its publisher, so it may be on its way and Kafka may have it already. */
export interface RefusedEvent {
  readonly eventId: string;
  readonly code: 'not_found' | 'in_flight' | 'not_failed' | 'already_published' | 'already_skipped';
}
