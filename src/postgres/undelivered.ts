import type { Db } from './query';
import { query } from './query';
import { ALL_PAUSED } from './global-pause';
import { ASIDE_LANE, BLOCKED_LANE } from './hold-key';

/** Why accepted events are not published: parked, behind a parked one, for a blocked topic, or what their publisher's row says. */
export type UndeliveredReason = 'pending' | 'blocked' | 'throttled' | 'paused' | 'open' | 'held' | 'failed';

export interface Undelivered {
  readonly reason: UndeliveredReason;
  /** Of a parked event, or of the topic that takes none. */
  readonly errorCode: string | null;
  readonly topic: string;
  /** `exact` false = at least so many. */
  readonly count: number;
  readonly exact: boolean;
  /** ISO-8601 in UTC. */
  readonly oldestAt: string;
}

/** Looked at per publisher and kind: an answer within a second, whatever the backlogs are. */
const MOST_COUNTED = 10_000;

export interface UndeliveredPage {
  /** Tenants after this one. */
  readonly after: string;
  /** Most tenants. */
  readonly limit: number;
}

/**
 * What is not published, by reason, of one tenant or of a page of those that have something, by name. The first 10,000 pending,
 * held and parked events of each publisher are counted; beyond that counts are lower bounds. The oldest come first, so `oldestAt`
 * holds. A blocked topic is told as its relay found it, also while a breaker that it opened is the reason not to look again;
 * what a person has stopped, alone or with everything, waits for that person first.
 */
export async function undelivered(
  db: Db,
  tenant?: string,
  page: UndeliveredPage = { after: '', limit: 500 },
): Promise<readonly { readonly tenant: string; readonly reasons: readonly Undelivered[] }[]> {
  const ofPublisher = 'e.tenant_id = p.tenant_id and e.destination = p.destination and e.shard = p.shard';
  const some = (where: string, order: string): string => `
    select e.topic, e.error_code, e.created_at from outbox.events e
    where ${ofPublisher} and ${where}
    order by ${order} limit ${MOST_COUNTED + 1}`;
  // One look into an index for each publisher. As EXISTS it could be planned as one hash of all that is pending.
  const any = (status: string): string =>
    `(select true from outbox.events e where ${ofPublisher} and e.status = '${status}' limit 1)`;
  const rows = await query<Undelivered & { tenant: string } & Record<string, unknown>>(
    db,
    `with tenants as (
       select distinct p.tenant_id from outbox.publishers p
       where p.tenant_id > $2 and ($1::text is null or p.tenant_id = $1) and coalesce(${any('pending')}, ${any('failed')})
       order by p.tenant_id limit $3)
     select p.tenant_id as tenant, s.reason, s.error_code as "errorCode", s.topic, sum(s.events)::int as count,
            bool_and(s.exact) as exact, to_char(min(s.oldest) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "oldestAt"
     from tenants join outbox.publishers p using (tenant_id)
     cross join lateral (
       select case when ${ALL_PAUSED} then 'paused' else p.state end as state) own
     cross join lateral (select case when own.state <> 'paused' then p.blocked end as codes) b
     cross join lateral (
       select case when b.codes ? topic then 'blocked' when own.state in ('throttled', 'paused', 'open') then own.state
                   else 'pending' end as reason,
              b.codes ->> topic as error_code, topic,
              count(*) as events, sum(count(*)) over () <= ${MOST_COUNTED} as exact, min(created_at) as oldest
       from (${some(`e.status = 'pending' and e.lane < ${ASIDE_LANE}`, 'e.lane, e.event_id')}) w group by topic
       union all
       select case when own.state = 'paused' then own.state else 'blocked' end,
              case when own.state <> 'paused' then coalesce(p.blocked ->> topic, 'KAFKA_TOPIC_MISSING') end, topic,
              count(*), sum(count(*)) over () <= ${MOST_COUNTED}, min(created_at)
       from (${some(`e.status = 'pending' and e.lane = ${BLOCKED_LANE}`, 'e.lane, e.event_id')}) w group by topic
       union all
       select 'held', null, topic, count(*), sum(count(*)) over () <= ${MOST_COUNTED}, min(created_at)
       from (${some(`e.status = 'pending' and e.lane = ${ASIDE_LANE}`, 'e.lane, e.event_id')}) w group by topic
       union all
       select 'failed', error_code, topic, count(*), sum(count(*)) over () <= ${MOST_COUNTED}, min(created_at)
       from (${some(`e.status = 'failed'`, 'e.created_at')}) w group by error_code, topic) s
     group by p.tenant_id, s.reason, s.error_code, s.topic
     order by p.tenant_id, s.reason, s.error_code, s.topic`,
    [tenant ?? null, page.after, page.limit],
  );
  const byTenant = new Map<string, Undelivered[]>();
  for (const { tenant: name, ...reason } of rows) {
    const reasons = byTenant.get(name);
    if (reasons === undefined) byTenant.set(name, [reason]);
    else reasons.push(reason);
  }
  return [...byTenant].map(([name, reasons]) => ({ tenant: name, reasons }));
}
