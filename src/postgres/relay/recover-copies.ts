import { PUBLISH_COPIES, copyMembers, countCopies, lockCopies } from './copies';

/**
 * Copies that the ledger names. One that this database has lost while it has its replay is put there as published: the replay, which makes
 * its copies anew from where the database is, finds it and leaves it out.
 */
export const OF_COPIES = `${copyMembers(13, 'named')}, found as materialized (
       select c.*, e.event_id is not null and s.replay_id is not null as known, r.status, e.destination, e.shard,
              coalesce(octet_length(e.payload), 0) as bytes
       from held cross join named c
       left join outbox.events e on e.tenant_id = c.tenant and e.event_id = c.id
         and outbox.fingerprint(e.dedupe_key, e.created_at) = c.fingerprint
       left join outbox.replays s on s.tenant_id = c.tenant and s.replay_id = c.replay
       left join outbox.replay_events r on r.tenant_id = c.tenant and r.event_id = c.id and r.replay_id = c.replay
     ), c as materialized (select * from found where known)${lockCopies(true)}${PUBLISH_COPIES}, restored as (
       insert into outbox.replay_events
         (tenant_id, event_id, replay_id, destination, shard, replay_count, status, published_at, batch_relay, batch_seq)
       select f.tenant, f.id, f.replay, f.destination, f.shard,
              1 + (select count(*) from outbox.replay_events o where o.tenant_id = f.tenant and o.event_id = f.id
                     and o.status in ('pending', 'paused', 'published')), 'published', clock_timestamp(), $1, f.seq
       from found f join free_replays s on s.tenant_id = f.tenant and s.replay_id = f.replay
       where f.known and f.status is null
       on conflict do nothing returning tenant_id, destination, shard, event_id, replay_id, null as was, 0 as bytes
     )${countCopies(`(select tenant_id, replay_id, was from copied union all select tenant_id, replay_id, was from restored) c`)}`;

/** Members for outbox.unsettled: another transaction has their row, or their replay's. */
export const COPIES_LEFT = `union all
       select f.tenant, f.id, f.replay, f.fingerprint, $1, f.seq from found f
       where f.known and f.status is distinct from 'published'
         and not exists (select from copied d where d.tenant_id = f.tenant and d.event_id = f.id and d.replay_id = f.replay)
         and not exists (select from restored d where d.tenant_id = f.tenant and d.event_id = f.id and d.replay_id = f.replay)`;
