import { SERVER } from './holds';

/** The publisher (alias `p`) is in the set of a relay, or was in that of one that is not taken over yet: events of it may be on their way. */
export const ATTACHED = (p: string): string => `(${p}.owner_relay is not null and not exists (
  select from outbox.relays o where o.relay = ${p}.owner_relay and o.closed >= ${p}.owner_fence))`;

/**
 * Relays that were not taken over on this server yet, one row each: what they committed is not known, whoever has their publishers by the rows
 * of an older copy. None where no relay has ever run.
 */
export const UNRECOVERED = `(select n.relay from outbox.installation i cross join lateral generate_series(0, i.relays - 1) as n (relay)
  left join outbox.relays r on r.relay = n.relay
  where exists (select from outbox.relays) and r.recovered_on is distinct from ${SERVER})`;
