-- Up Migration
--
-- Relays: a relay is one transactional producer with one partition of the ledger; it packs events of many publishers into each
-- transaction. Nothing is recorded here before it is sent: the ledger record has the members.

-- Ledger records carry an HMAC under this key, which is kept with the database and its backups: forged members would be silent loss.
alter table outbox.installation
  add column ledger_key bytea not null
    default decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')
    check (octet_length(ledger_key) = 32),
  -- The ledger topic's identity, from when it was made: while a relay remembers no record, nothing else shows that it was made anew.
  add column ledger_id text collate "C",
  -- Raised by relay 0's holder only, which writes it into the ledger before anybody uses it.
  add column relays smallint not null default 32 check (relays between 1 and 1000);

-- Identities of the Postgres servers that this database has lived on. A barrier of another one means that a newer database exists.
create table outbox.servers (
  server   text collate "C" primary key,
  first_at timestamptz not null default clock_timestamp()
);

create table outbox.relays (
  relay         smallint primary key check (relay >= 0),
  -- Raised by each take-over; good on `server` only.
  fence         bigint      not null default 0,
  server        text collate "C",
  -- L: everything in the relay's partition up to here is settled, and what the record there was.
  ledger_offset bigint      not null default -1,
  ledger_kind   text        not null default 'none' check (ledger_kind in ('none', 'barrier', 'batch')),
  ledger_seq    bigint      not null default 0,
  ledger_fence  bigint      not null default 0,
  -- Every fence up to this one is taken over.
  closed        bigint      not null default 0,
  -- The server on which the relay was taken over last.
  recovered_on  text collate "C",
  holder        text,
  lease_until   timestamptz,
  halted        jsonb,
  -- Members that the ledger names and this database does not have: lost by a fail-over, or deleted.
  strangers     bigint      not null default 0,
  -- When L moved last. One that stands still for too long would be overtaken by the ledger's retention.
  moved_at      timestamptz not null default clock_timestamp(),
  updated_at    timestamptz not null default clock_timestamp()
)
-- Updated with every transaction: half-empty pages and no index on a changing column keep every update HOT.
with (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);

-- What Kafka has committed and whose row was locked when it was to be marked: no claim takes it, and it is tried again alone.
create table outbox.unsettled (
  tenant_id   text collate "C" not null,
  event_id    bigint      not null,
  -- '' = the event itself.
  replay_id   text collate "C" not null default '',
  fingerprint bigint      not null,
  relay       smallint    not null,
  seq         bigint      not null,
  topic_partition integer,
  topic_offset    bigint,
  at          timestamptz not null default clock_timestamp(),
  primary key (tenant_id, event_id, replay_id)
);

-- Topics that relays may have in their transactions, and those that they leave out because a partition cannot take its part.
create table outbox.topic_admissions (
  topic      text collate "C" primary key,
  -- Why and since when it is left out; null = admitted.
  suspended  jsonb,
  -- When somebody looks at a suspended one next, and the wait after the last probe that hung.
  look_at    timestamptz,
  wait_ms    integer     not null default 0,
  changed_at timestamptz not null default clock_timestamp()
);
create index topic_admissions_changed on outbox.topic_admissions (changed_at);
create index topic_admissions_due on outbox.topic_admissions (look_at) where suspended is not null;

-- Totals per publisher that the settle counts, in a row that only the relay writes: nobody else can hold its lock.
create table outbox.relay_counts (
  tenant_id   text collate "C" not null,
  destination text collate "C" not null,
  shard       smallint    not null,
  relay       smallint    not null,
  published   bigint      not null default 0,
  bytes       bigint      not null default 0,
  parked      bigint      not null default 0,
  -- Copies that replays published, beside the events themselves; their bytes are in "bytes".
  copies      bigint      not null default 0,
  primary key (tenant_id, destination, shard, relay)
)
with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);

alter table outbox.publishers
  add column owner_relay smallint,
  add column owner_fence bigint,
  -- Of the drain that attached: where its outcome goes, what it was granted, and the totals when it began.
  add column drain       jsonb,
  -- The last drain that its workflow has given up, which must not attach any more.
  add column given_up    jsonb,
  -- Somebody wants the publisher back: an order, or a drain on another relay.
  add column detach_asked boolean not null default false,
  add constraint publishers_owner check ((owner_relay is null) = (owner_fence is null));
create index publishers_owner on outbox.publishers (owner_relay) where owner_relay is not null;
-- Ended drains whose activities were not told yet.
create index publishers_untold on outbox.publishers (tenant_id) where owner_relay is null and drain is not null;
create index publishers_asked on outbox.publishers (owner_relay) where owner_relay is not null and detach_asked;

-- Live events that a claim met and that cannot go are set aside, so that no claim walks over them again: behind their key in lane 2, behind
-- their topic in lane 3. Where an event is stored never decides whether it may go.
alter table outbox.events drop constraint events_lane_check;
alter table outbox.events add constraint events_lane_check check (lane in (0, 1, 2, 3));
comment on column outbox.events.lane is
  '0 = live, 1 = replay, 2 = live, set aside behind an earlier event of its key, 3 = live, set aside for its topic takes nothing';
create index events_blocked on outbox.events (tenant_id, destination, shard, topic, event_id)
  where status = 'pending' and lane = 3;

-- Keys whose parked events an operator changed: what waits behind them may be free. The stamp tells one order from the next.
create table outbox.released (
  tenant_id    text collate "C" not null,
  destination  text collate "C" not null,
  shard        smallint    not null,
  -- '' = look at the topics that take nothing.
  ordering_key text collate "C" not null,
  stamp        xid8        not null default pg_current_xact_id(),
  primary key (tenant_id, destination, shard, ordering_key)
)
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- Whoever ends the parking of an event, an operator, a replay or a take-over: what waits behind it may be free, and where it is pending again
-- looks are to find it. For all other updates only the condition is looked at.
create function outbox.end_parking() returns trigger language plpgsql as $$
begin
  if new.status = 'pending' then
    new.xid := pg_current_xact_id();
  end if;
  if new.lane = 0 and exists (select from outbox.relays) then
    insert into outbox.released (tenant_id, destination, shard, ordering_key)
    values (new.tenant_id, new.destination, new.shard, coalesce(new.ordering_key, ''))
    on conflict (tenant_id, destination, shard, ordering_key) do update set stamp = excluded.stamp;
  end if;
  return new;
end $$;
create trigger end_parking before update on outbox.events for each row
  when (old.status = 'failed' and new.status <> 'failed') execute function outbox.end_parking();

alter table outbox.publishers
  -- Asleep while events wait for their topics: when those are looked at next, and the wait after that look.
  add column topics_at timestamptz,
  add column topics_wait_ms integer not null default 0;
create index publishers_topics on outbox.publishers (topics_at) where topics_at is not null;

-- The transaction that made the event sendable: what was not visible to the last look is found by it, late commits included.
alter table outbox.events add column xid xid8 not null default pg_current_xact_id();
-- "is not null" says nothing new, but only a condition on xid implies it: beside an old open transaction, whose statistics know of hardly a
-- pending row, claims took this index in place of their own, and 280 ms in place of 0.2.
create index events_new on outbox.events (xid) where status = 'pending' and lane = 0 and xid is not null;
alter table outbox.events add column batch_relay smallint, add column batch_seq bigint;

-- Few events per tenant on the average is no promise of few events of each: believing it, the planner looked for an event of a large tenant
-- by any index that begins with the tenant, and read all of its events for each one.
alter table outbox.events alter column tenant_id set (n_distinct = -0.001);
alter table outbox.replay_events alter column tenant_id set (n_distinct = -0.001);

-- Copies are found in the same way. Those of a paused replay stay where they are: only the relay knows which are on their way, and
-- one that Kafka has is published, whatever its status says.
alter table outbox.replay_events
  add column xid xid8 not null default pg_current_xact_id(),
  add column batch_relay smallint, add column batch_seq bigint,
  drop constraint replay_events_status_check,
  add constraint replay_events_status_check
    check (status in ('pending', 'paused', 'published', 'failed', 'cancelled', 'retried'));
create index replay_events_new on outbox.replay_events (xid) where status = 'pending' and xid is not null;
create index replay_events_paused on outbox.replay_events (tenant_id, replay_id) where status = 'paused';

-- What stands in the ledger beside an id: after a lossy fail-over ids are given again, to other events. 4 bytes, unsigned.
create function outbox.fingerprint(dedupe_key text, created_at timestamptz) returns bigint
language sql stable parallel safe as $$
  select ('x' || encode(substring(sha256(convert_to(dedupe_key || '/' || (extract(epoch from created_at) * 1000000)::bigint, 'UTF8'))
    from 1 for 4), 'hex'))::bit(32)::bigint
$$;

-- Down Migration
drop function outbox.fingerprint(text, timestamptz);
-- A release before this one makes paused copies anew when their replay is resumed.
with gone as (delete from outbox.replay_events where status = 'paused' returning tenant_id, replay_id, event_id)
update outbox.replays s set fed_up_to = least(s.fed_up_to, g.first - 1)
from (select tenant_id, replay_id, min(event_id) as first from gone group by tenant_id, replay_id) g
where s.tenant_id = g.tenant_id and s.replay_id = g.replay_id;
drop index outbox.replay_events_paused;
alter table outbox.replay_events alter column tenant_id reset (n_distinct);
alter table outbox.events alter column tenant_id reset (n_distinct);
drop index outbox.replay_events_new;
alter table outbox.replay_events
  drop constraint replay_events_status_check,
  add constraint replay_events_status_check check (status in ('pending', 'published', 'failed', 'cancelled', 'retried')),
  drop column batch_seq, drop column batch_relay, drop column xid;
drop index outbox.events_new;
alter table outbox.events drop column batch_seq, drop column batch_relay, drop column xid;
drop index outbox.publishers_topics;
alter table outbox.publishers drop column topics_wait_ms, drop column topics_at;
drop trigger end_parking on outbox.events;
drop function outbox.end_parking();
drop table outbox.released;
drop index outbox.events_blocked;
comment on column outbox.events.lane is '0 = live, 1 = replay, 2 = live, set aside behind an earlier event of its key';
update outbox.events set lane = 0 where lane = 3;
alter table outbox.events drop constraint events_lane_check;
alter table outbox.events add constraint events_lane_check check (lane in (0, 1, 2));
drop index outbox.publishers_asked;
drop index outbox.publishers_untold;
drop index outbox.publishers_owner;
alter table outbox.publishers drop constraint publishers_owner, drop column detach_asked, drop column given_up, drop column drain,
  drop column owner_fence, drop column owner_relay;
drop table outbox.relay_counts;
drop table outbox.topic_admissions;
drop table outbox.unsettled;
drop table outbox.relays;
drop table outbox.servers;
alter table outbox.installation drop column relays, drop column ledger_id, drop column ledger_key;
