import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { EventStatus } from '../domain/event';
import { publisherId } from '../domain/publisher';
import type { PublisherRef } from '../domain/publisher';
import type { Db } from './query';
import { query } from './query';
import { requestReplay } from './replay-control';

export interface ReplayedEvents {
  /** Events that the replays below took. */
  readonly replayed: number;
  readonly replayIds: readonly string[];
  readonly notFound: readonly string[];
  /** `pending`: it is published anyway, a replay would only double it. */
  readonly refused: readonly { readonly eventId: string; readonly code: 'pending' }[];
}

/**
 * Replays single events, of one tenant or of several: failed ones go back to pending in their own lane, published and skipped ones
 * get a copy in the replay lane. One replay for each publisher, all with the given id; without one, calling twice replays twice.
 */
export async function replayEvents(
  pool: Pool,
  request: {
    readonly eventIds: readonly string[];
    readonly tenant?: string;
    readonly replayId?: string;
    readonly by: string;
    readonly why: string;
  },
): Promise<ReplayedEvents> {
  const { by, why } = request;
  const wanted = [...new Set(request.eventIds)];
  const found = await findEvents(pool, wanted, request.tenant ?? null);
  const groups = new Map<string, { ref: PublisherRef; eventIds: string[] }>();
  for (const { id, status, ...ref } of found) {
    if (status === 'pending') continue;
    const key = publisherId(ref);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { ref, eventIds: [id] });
    else group.eventIds.push(id);
  }
  const replayId = request.replayId ?? `events-${randomUUID()}`;
  const replayIds: string[] = [];
  let replayed = 0;
  for (const { ref, eventIds } of groups.values()) {
    // A tenant's replays share one space of ids, whatever the destination.
    const own =
      ref.destination === 'kafka' && ref.shard === 0 ? replayId : `${replayId}@${ref.destination}.${ref.shard}`;
    const { replay } = await requestReplay(pool, ref, { replayId: own, eventIds, by, why });
    replayed += replay.total;
    replayIds.push(own);
  }
  const known = new Set(found.map((event) => event.id));
  return {
    replayed,
    replayIds: [...new Set(replayIds)],
    notFound: wanted.filter((id) => !known.has(id)),
    refused: found.flatMap(({ id, status }) =>
      status === 'pending' ? [{ eventId: id, code: 'pending' as const }] : [],
    ),
  };
}

/**
 * Ids are unique over all tenants, but every index starts with the tenant, and one of ids alone would cost each enqueue. So
 * without a tenant each id is looked for under every tenant: 1 µs for each pair. Name the tenant where there are thousands.
 */
async function findEvents(
  db: Db,
  ids: readonly string[],
  tenant: string | null,
): Promise<(PublisherRef & { readonly id: string; readonly status: EventStatus })[]> {
  return query<PublisherRef & { id: string; status: EventStatus } & Record<string, unknown>>(
    db,
    `select e.tenant_id as tenant, e.destination, e.shard::int, e.event_id::text as id, e.status
     from outbox.tenants t cross join unnest($1::bigint[]) as u (id)
     join outbox.events e on e.tenant_id = t.tenant_id and e.event_id = u.id
     where $2::text is null or t.tenant_id = $2 order by e.tenant_id, e.event_id`,
    [ids, tenant],
  );
}
