import type { TenantsRig } from './rig';

/** What is pending, who holds which relay, and what the workers logged last: for the message of a run that failed. */
export async function describe(rig: TenantsRig): Promise<string> {
  const pending = await rig.rows(
    `select e.tenant_id, e.lane, count(*)::int as pending, min(e.event_id)::text as first, max(e.event_id)::text as last,
            p.state, p.owner_relay::int as relay, p.owner_fence::text as fence, p.detach_asked
     from outbox.events e left join outbox.publishers p using (tenant_id, destination, shard)
     where e.status = 'pending' group by e.tenant_id, e.lane, p.tenant_id, p.destination, p.shard order by pending desc limit 10`,
  );
  const relays = await rig.rows(
    `select relay::int, fence::text, closed::text, ledger_kind, ledger_seq::text, holder, lease_until, halted,
            (select count(*)::int from outbox.publishers p where p.owner_relay = r.relay) as publishers
     from outbox.relays r where holder is not null or halted is not null`,
  );
  const states = await rig.rows('select state, count(*)::int from outbox.publishers group by state');
  const rows = [...pending, ...relays, ...states].map((row) => JSON.stringify(row));
  return [new Date().toISOString(), ...rows, ...rig.workerLogs()].join('\n');
}
