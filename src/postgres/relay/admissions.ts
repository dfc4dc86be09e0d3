import { FIRST_WAIT_MS, LONGEST_WAIT_MS } from '../../domain/relay/admission';
import type { Db } from '../query';
import { query } from '../query';

/** A topic without leader, say, is looked at so soon, ms: metadata costs nothing. What hung in a probe waits for its back-off. */
const FIRST_LOOK_MS = 1_000;
const NEXT_LOOK_MS = 5_000;

const NOW = 'clock_timestamp()';
const IN_MS = (ms: string | number): string => `${NOW} + ${ms} * interval '1 ms'`;

/** Whether relays may have the topic in their transactions. */
export interface AdmissionRow {
  readonly topic: string;
  /** Null = admitted. */
  readonly suspended: { readonly why: string; readonly since: string } | null;
  /** Timestamp as Postgres prints it. */
  readonly changedAt: string;
}

/**
 * What changed since a `changedAt` that is known, with some of what is known already; null = all there is. Also the rows of `others`. A
 * `changedAt` that lies ahead is of a server whose clock was: a fail-over lost it.
 */
export async function changedAdmissions(
  db: Db,
  since: string | null,
  others: readonly string[] = [],
): Promise<readonly AdmissionRow[]> {
  return query<AdmissionRow & Record<string, unknown>>(
    db,
    `select topic, suspended, changed_at::text as "changedAt" from outbox.topic_admissions
     where changed_at > coalesce(least($1::timestamptz, ${NOW}) - interval '5 s', '-infinity') or topic = any ($2::text[])
     order by changed_at`,
    [since, others],
  );
}

/** Each partition of these took a probe's marker. Also of suspended ones. */
export async function admitTopics(db: Db, topics: readonly string[]): Promise<void> {
  await query(
    db,
    `insert into outbox.topic_admissions as a (topic) select distinct topic from unnest($1::text[]) as t (topic) order by topic
     on conflict (topic) do update set suspended = null, look_at = null, changed_at = ${NOW} where a.suspended is not null`,
    [topics],
  );
}

/**
 * Relays leave this topic out. `hung`: it did not answer, or did not take a marker, so a probe waits for 30 s, and for twice as long after
 * each further time, up to 15 min; forgotten after an admission as long as that. Otherwise metadata says when a probe has a chance.
 */
export async function suspendTopic(db: Db, topic: string, why: string, hung: boolean): Promise<void> {
  const wait = `case when a.suspended is null and a.changed_at < ${NOW} - ${LONGEST_WAIT_MS} * interval '1 ms' then ${FIRST_WAIT_MS}
    else least(greatest(a.wait_ms * 2, ${FIRST_WAIT_MS}), ${LONGEST_WAIT_MS}) end`;
  await query(
    db,
    `insert into outbox.topic_admissions as a (topic, suspended, look_at, wait_ms)
     values ($1, jsonb_build_object('why', $2::text, 'since', ${NOW}), ${IN_MS(`case when $3 then ${FIRST_WAIT_MS} else ${FIRST_LOOK_MS} end`)},
       case when $3 then ${FIRST_WAIT_MS} else 0 end)
     on conflict (topic) do update set suspended = excluded.suspended, changed_at = ${NOW},
       wait_ms = case when $3 then ${wait} else a.wait_ms end,
       look_at = ${IN_MS(`case when $3 then ${wait} else ${FIRST_LOOK_MS} end`)}
     where a.suspended is null`,
    [topic, why.slice(0, 1_000), hung],
  );
}

/** A probe of a suspended one found it hanging again. */
export async function suspendLonger(db: Db, topics: readonly string[]): Promise<void> {
  await query(
    db,
    `update outbox.topic_admissions a set wait_ms = n.wait_ms, look_at = ${IN_MS('n.wait_ms')}
     from (select topic, least(greatest(wait_ms * 2, ${FIRST_WAIT_MS}), ${LONGEST_WAIT_MS}) as wait_ms
           from outbox.topic_admissions where topic = any ($1::text[])) n
     where a.topic = n.topic and a.suspended is not null`,
    [topics],
  );
}

/** Suspended ones that are due to be looked at; the next look is noted with the same statement, so each is looked at by one worker. */
export async function dueAdmissions(db: Db, limit: number): Promise<readonly string[]> {
  const rows = await query<{ topic: string }>(
    db,
    `update outbox.topic_admissions a set look_at = ${IN_MS(NEXT_LOOK_MS)}
     from (select topic from outbox.topic_admissions where suspended is not null and look_at < ${NOW}
           order by look_at limit $1 for update skip locked) d
     where a.topic = d.topic returning a.topic`,
    [limit],
  );
  return rows.map(({ topic }) => topic);
}

/** For operators: suspended topics, the longest suspended first. */
export async function suspendedTopics(db: Db, limit: number): Promise<readonly AdmissionRow[]> {
  return query<AdmissionRow & Record<string, unknown>>(
    db,
    `select topic, suspended, changed_at::text as "changedAt" from outbox.topic_admissions
     where suspended is not null order by changed_at limit $1`,
    [limit],
  );
}
