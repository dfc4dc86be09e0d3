import type { Acknowledged } from '../../src/audit/acknowledged';
import { until } from '../../faults/harness/waiting';
import type { Rig } from '../../faults/harness/rig';

export interface RelaysNow {
  /** Relays that were taken over on the server that was met last. */
  readonly recovered: number;
  readonly strangers: number;
  readonly halted: number;
  readonly generations: readonly number[];
}

/** How the relays of a rig stand, on the server that answers. Rejects while none does. */
export async function relaysNow(rig: Rig): Promise<RelaysNow> {
  const [row] = await rig.installation.query<RelaysNow & Record<string, unknown>>(
    `select count(*) filter (where recovered_on = concat(extract(epoch from pg_postmaster_start_time()), '/', pg_relation_filepath('outbox.relays')))::int
              as recovered,
            coalesce(sum(strangers), 0)::int as strangers, count(*) filter (where halted is not null)::int as halted,
            coalesce(jsonb_agg(distinct generation), '[]') as generations
     from outbox.relays`,
  );
  return row as RelaysNow;
}

/** Waits until every relay is taken over on the server that answers; none may for a while. */
export async function untilRecovered(rig: Rig, relays = 32): Promise<void> {
  try {
    await until(
      'every relay to be taken over',
      async () => (await relaysNow(rig).catch(() => null))?.recovered === relays,
      60_000,
    );
  } catch (error) {
    const left = await rig.installation.query(
      `select relay, fence, closed, server, recovered_on, holder, lease_until, halted, clock_timestamp() as now from outbox.relays
       where recovered_on is distinct from (select recovered_on from outbox.relays group by 1 order by count(*) desc limit 1)`,
    );
    const busy = await rig.installation.query(
      `select pid, state, wait_event_type, wait_event, pg_blocking_pids(pid) as blocked_by, left(query, 200) as query from pg_stat_activity
       where datname = current_database() and state <> 'idle'`,
    );
    throw new Error(`${String(error)}\n${JSON.stringify({ left, busy }, null, 1)}`, { cause: error });
  }
}

/** How many of these events the database has. */
export async function rowsOf(rig: Rig, events: readonly Acknowledged[]): Promise<number> {
  const [row] = await rig.installation.query<{ n: number }>(
    `select count(*)::int as n from unnest($1::text[], $2::text[]) as a (tenant, dedupe)
     join outbox.events e on e.tenant_id = a.tenant and e.dedupe_key = a.dedupe`,
    [events.map(({ tenant }) => tenant), events.map(({ dedupeKey }) => dedupeKey)],
  );
  return row?.n ?? 0;
}
