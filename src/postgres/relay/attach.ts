import type { PublisherRef } from '../../domain/publisher';
import { ALL_PAUSED } from '../global-pause';
import { refValues } from '../publishers';
import type { Db } from '../query';
import { query } from '../query';
import { HELD, UNRECOVERED, holdValues, lostRelay } from './holds';
import type { HeldRelay } from './holds';
import { ASKS } from './lanes';

/** An operator stopped this publisher (alias `p`) or all of them. */
export const STOPPED = (p: string): string =>
  `(${p}.paused is not null and coalesce((${p}.paused ->> 'until')::float8 / 1000 > extract(epoch from clock_timestamp()), true)
    or ${p}.limits ? 'heldOpen' or ${ALL_PAUSED})`;

/** True for a publisher whose owner has been taken over since: it is free, whatever the row says. */
const CLOSED = (p: string): string =>
  `exists (select from outbox.relays o where o.relay = ${p}.owner_relay and o.closed >= ${p}.owner_fence)`;

export type AttachAnswer =
  | { readonly kind: 'attached'; readonly published: number; readonly bytes: number; readonly asks: boolean }
  /** An operator stopped it: nothing may be sent. */
  | { readonly kind: 'stopped' }
  /** Another relay has it, or had it and is not taken over yet; it was asked to give it up. */
  | { readonly kind: 'owned'; readonly relay: number }
  /** Some relay was not taken over on this server yet: what it committed is unknown, and could be sent twice. */
  | { readonly kind: 'unrecovered'; readonly relays: readonly number[] };

/**
 * Puts the publisher into the set of the relay, with what its drain leaves in the row: from now on that relay and no other sends its events.
 * One statement: the fence holds on this server, every relay below N is recovered on it, the publisher's owner is null, this relay or
 * taken over, and no operator stopped it. Rejects with FENCED when the relay is lost.
 */
export async function attachPublisher(
  db: Db,
  held: HeldRelay,
  ref: PublisherRef,
  drain: Readonly<Record<string, unknown>>,
): Promise<AttachAnswer> {
  await query(
    db,
    `insert into outbox.publishers (tenant_id, destination, shard)
     select t.tenant_id, $2::text, $3::smallint from outbox.tenants t where t.tenant_id = $1
       and not exists (select from outbox.publishers p where p.tenant_id = $1 and p.destination = $2 and p.shard = $3)
     on conflict do nothing`,
    refValues(ref),
  );
  const [row] = await query<{
    attached: boolean;
    stopped: boolean | null;
    owner: number | null;
    unrecovered: number[];
    published: number;
    bytes: number;
    asks: boolean;
  }>(
    db,
    `with ${HELD}, ${UNRECOVERED}, totals as materialized (
       select coalesce(sum(published + copies), 0)::float8 as published, coalesce(sum(bytes), 0)::float8 as bytes
       from outbox.relay_counts where tenant_id = $4 and destination = $5 and shard = $6
     ), attached as (
       update outbox.publishers p
       set owner_relay = $1, owner_fence = $2, detach_asked = false, state = 'running', state_until = null, topics_at = null,
           drain = $7::jsonb || jsonb_build_object('published', t.published, 'bytes', t.bytes), updated_at = clock_timestamp()
       from held, totals t
       where p.tenant_id = $4 and p.destination = $5 and p.shard = $6 and not exists (select from unrecovered)
         and (p.owner_relay is null or (p.owner_relay = $1 and p.owner_fence = $2) or ${CLOSED('p')})
         and not ${STOPPED('p')} and p.given_up is distinct from $7::jsonb -> 'address'
         and exists (select from outbox.tenants t where t.tenant_id = $4)
       returning 1
     ), asked as (
       update outbox.publishers p set detach_asked = true from held
       where p.tenant_id = $4 and p.destination = $5 and p.shard = $6 and not exists (select from attached)
         and p.owner_relay is not null and not p.detach_asked
     )
     select exists (select from attached) as attached, array(select relay::int from unrecovered) as unrecovered,
            p.owner_relay::int as owner, (${STOPPED('p')} or p.given_up is not distinct from $7::jsonb -> 'address') as stopped, t.published, t.bytes, ${ASKS('p')} as asks
     from held cross join totals t
     left join outbox.publishers p on p.tenant_id = $4 and p.destination = $5 and p.shard = $6`,
    [...holdValues(held), ...refValues(ref), JSON.stringify(drain)],
  );
  if (row === undefined) throw lostRelay(held, 'attaching');
  if (row.attached) return { kind: 'attached', published: row.published, bytes: row.bytes, asks: row.asks };
  if (row.unrecovered.length > 0) return { kind: 'unrecovered', relays: row.unrecovered };
  // Without a row its tenant is gone.
  if (row.stopped !== false || row.owner === null) return { kind: 'stopped' };
  return { kind: 'owned', relay: row.owner };
}
