import type { LedgerHaltReason } from '../../domain/relay/ledger-halt';
import type { Db } from '../query';
import { query } from '../query';
import { SERVER } from './holds';

/** Both sides of a halt; `why`: both in one text, with the remedy. */
export interface HaltedRelay {
  readonly why: string;
  readonly since: string;
  readonly reason: LedgerHaltReason;
  readonly postgres: string;
  readonly kafka: string;
}

/** A relay as operators see it. Times are ms since epoch. */
export interface ListedRelay {
  readonly relay: number;
  /** The worker whose lease is good; null = nobody. */
  readonly holder: string | null;
  readonly leaseUntil: number | null;
  readonly fence: number;
  /** Publishers that are attached to it. */
  readonly attached: number;
  /** Taken over on the server that answers; nothing is attached anywhere while one is not. */
  readonly recovered: boolean;
  readonly recoveredOn: string | null;
  /** L: up to where its partition of the ledger is settled, and which record that is. */
  readonly ledger: { readonly offset: number; readonly kind: string; readonly seq: number; readonly fence: number };
  /** When L moved last: with a batch or a barrier. */
  readonly movedAt: number | null;
  readonly halted: HaltedRelay | null;
  /** Members that the ledger names and this database does not have, since ever. */
  readonly strangers: number;
  /** Sent, and not marked yet because their rows were locked. */
  readonly unsettled: number;
}

/** All relays below N by number, those without a row included; N is at most a thousand. `halted`: only those that stopped. */
export async function listRelays(db: Db, options: { readonly halted?: boolean } = {}): Promise<ListedRelay[]> {
  return query<ListedRelay & Record<string, unknown>>(
    db,
    `select n.relay::int, case when r.lease_until > clock_timestamp() then r.holder end as holder,
            (extract(epoch from r.lease_until) * 1000)::float8 as "leaseUntil", coalesce(r.fence, 0)::float8 as fence,
            (select count(*)::int from outbox.publishers p where p.owner_relay = n.relay) as attached,
            coalesce(r.recovered_on = ${SERVER}, false) as recovered, r.recovered_on as "recoveredOn",
            jsonb_build_object('offset', coalesce(r.ledger_offset, -1), 'kind', coalesce(r.ledger_kind, 'none'),
              'seq', coalesce(r.ledger_seq, 0), 'fence', coalesce(r.ledger_fence, 0)) as ledger,
            (extract(epoch from r.moved_at) * 1000)::float8 as "movedAt", r.halted, coalesce(r.strangers, 0)::float8 as strangers,
            (select count(*)::int from outbox.unsettled u where u.relay = n.relay) as unsettled
     from outbox.installation i cross join lateral generate_series(0, i.relays - 1) as n (relay)
     left join outbox.relays r on r.relay = n.relay
     where not $1 or r.halted is not null
     order by n.relay`,
    [options.halted === true],
  );
}

/** What of relays' work waits for too long. */
export interface RelayTroubles {
  /** Age in seconds of the oldest that was sent and could not be marked; null = there is none. */
  readonly unsettledSeconds: number | null;
  readonly unsettled: number;
  readonly halted: number;
  /** Drains that ended longer ago than given and whose workflows have not heard of it. */
  readonly untold: number;
}

export async function relayTroubles(db: Db, untoldSeconds: number): Promise<RelayTroubles> {
  const [row] = await query<RelayTroubles & Record<string, unknown>>(
    db,
    `select (select extract(epoch from clock_timestamp() - min(at))::float8 from outbox.unsettled) as "unsettledSeconds",
            (select count(*)::int from outbox.unsettled) as unsettled,
            (select count(*)::int from outbox.relays where halted is not null) as halted,
            (select count(*)::int from outbox.publishers
             where owner_relay is null and drain is not null and updated_at < clock_timestamp() - $1::float8 * interval '1 s') as untold`,
    [untoldSeconds],
  );
  return row ?? { unsettledSeconds: null, unsettled: 0, halted: 0, untold: 0 };
}
