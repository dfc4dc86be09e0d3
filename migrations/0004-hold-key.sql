-- Up Migration
--
-- onPoison hold-key: while an event of the live lane is parked, later events of its key wait.
-- A claim that meets such a waiting event moves it to lane 2, behind everything that can be claimed. Left where it was, it would
-- be walked over again by every claim: with 100,000 of them 122 ms and 6,516 buffers in place of 20 ms and 153.
alter table outbox.events drop constraint events_lane_check;
alter table outbox.events add constraint events_lane_check check (lane in (0, 1, 2));
comment on column outbox.events.lane is '0 = live, 1 = replay, 2 = live, set aside behind an earlier event of its key';

alter table outbox.events add column skipped_at timestamptz;

-- Which keys are held, and what waits behind them. No event that is published on the way that most take is ever in one of these.
create index events_parked on outbox.events (tenant_id, destination, shard, ordering_key, event_id)
  where status = 'failed' and lane = 0 and ordering_key is not null;
create index events_aside on outbox.events (tenant_id, destination, shard, ordering_key, event_id)
  where status = 'pending' and lane = 2;

-- held = asleep with nothing pending but what waits behind parked events: for the sweep there is nothing to do.
alter table outbox.publishers drop constraint publishers_state_check;
alter table outbox.publishers add constraint publishers_state_check
  check (state in ('sleeping', 'held', 'waking', 'running', 'paused', 'throttled', 'open', 'halted'));

-- As in 0003, and a held publisher is woken like a sleeping one: the new event may be of another key.
create or replace function outbox.wake_publishers() returns trigger language plpgsql as $$
declare
  listener constant bigint := hashtextextended('outbox wake listener', 0);
  hit      record;
  state    text;
begin
  if current_setting('outbox.wake', true) = 'off' then
    return null;
  end if;
  for hit in select distinct i.tenant_id, i.destination, i.shard from inserted i where i.status = 'pending' loop
    select p.state into state from outbox.publishers p
    where p.tenant_id = hit.tenant_id and p.destination = hit.destination and p.shard = hit.shard;
    if not found or state in ('sleeping', 'held') then
      if pg_try_advisory_lock_shared(listener) then
        perform pg_advisory_unlock_shared(listener);
        return null;
      end if;
      if pg_try_advisory_xact_lock(
           hashtextextended(concat_ws('/', 'outbox wake', hit.tenant_id, hit.destination, hit.shard), 0)) then
        perform pg_notify('outbox_wake', json_build_array(hit.tenant_id, hit.destination, hit.shard)::text);
      end if;
    end if;
  end loop;
  return null;
end $$;

-- Down Migration
create or replace function outbox.wake_publishers() returns trigger language plpgsql as $$
declare
  listener constant bigint := hashtextextended('outbox wake listener', 0);
  hit      record;
  state    text;
begin
  if current_setting('outbox.wake', true) = 'off' then
    return null;
  end if;
  for hit in select distinct i.tenant_id, i.destination, i.shard from inserted i where i.status = 'pending' loop
    select p.state into state from outbox.publishers p
    where p.tenant_id = hit.tenant_id and p.destination = hit.destination and p.shard = hit.shard;
    if not found or state = 'sleeping' then
      if pg_try_advisory_lock_shared(listener) then
        perform pg_advisory_unlock_shared(listener);
        return null;
      end if;
      if pg_try_advisory_xact_lock(
           hashtextextended(concat_ws('/', 'outbox wake', hit.tenant_id, hit.destination, hit.shard), 0)) then
        perform pg_notify('outbox_wake', json_build_array(hit.tenant_id, hit.destination, hit.shard)::text);
      end if;
    end if;
  end loop;
  return null;
end $$;

update outbox.publishers set state = 'sleeping' where state = 'held';
alter table outbox.publishers drop constraint publishers_state_check;
alter table outbox.publishers add constraint publishers_state_check
  check (state in ('sleeping', 'waking', 'running', 'paused', 'throttled', 'open', 'halted'));
drop index outbox.events_aside;
drop index outbox.events_parked;
alter table outbox.events drop column skipped_at;
comment on column outbox.events.lane is '0 = live, 1 = replay';
update outbox.events set lane = 0 where lane = 2;
alter table outbox.events drop constraint events_lane_check;
alter table outbox.events add constraint events_lane_check check (lane in (0, 1));
