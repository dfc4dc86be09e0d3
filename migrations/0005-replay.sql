-- Up Migration
--
-- A replay publishes events again that are published already. The event's own row stays as it is (accepted = pending + published +
-- failed + skipped keeps holding); a copy of it, one row per (tenant, event, replay id), goes through the drain.

-- A counted selection, for a short time: a replay started from it takes exactly what was counted.
create table outbox.replay_plans (
  tenant_id     text collate "C" not null,
  plan_id       uuid        not null,
  destination   text collate "C" not null,
  shard         smallint    not null,
  selection     jsonb       not null,
  -- Only what was published, failed or skipped by then counts. Read under the publisher's row, so no settle straddles it.
  cut           timestamptz not null,
  last_event_id bigint      not null,
  total         bigint      not null,
  expires_at    timestamptz not null,
  primary key (tenant_id, plan_id)
);

create table outbox.replays (
  tenant_id       text collate "C" not null,
  -- A header of every copy and part of a workflow id.
  replay_id       text collate "C" not null check (replay_id ~ '^[!-~]{1,100}$'),
  destination     text collate "C" not null,
  shard           smallint    not null,
  state           text        not null default 'running' check (state in ('running', 'paused', 'cancelled', 'done')),
  selection       jsonb       not null,
  cut             timestamptz not null,
  last_event_id   bigint      not null,
  total           bigint      not null,
  -- Events up to this id were looked at; feeding goes on behind it.
  fed_up_to       bigint      not null default 0,
  -- Copies made, less those that a pause took back. Of them: published, failed, cancelled; the others are pending.
  fed             bigint      not null default 0,
  published       bigint      not null default 0,
  failed          bigint      not null default 0,
  cancelled       bigint      not null default 0,
  -- Failed events that were put back to pending instead of copied.
  retried         bigint      not null default 0,
  rate_per_second integer check (rate_per_second > 0),
  tokens          float8      not null default 0,
  tokens_at       timestamptz not null default clock_timestamp(),
  started_by      text        not null,
  why             text        not null,
  -- The last pause, resume or cancel: {state, by, why, at}.
  changed         jsonb,
  started_at      timestamptz not null default clock_timestamp(),
  ended_at        timestamptz,
  -- When the sweep has to start or wake the replay's workflow; null = never.
  visit_at        timestamptz default clock_timestamp(),
  primary key (tenant_id, replay_id)
)
-- Its counters change with every batch that holds copies.
with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
create index replays_visits on outbox.replays (visit_at) where visit_at is not null;

create table outbox.replay_events (
  tenant_id       text collate "C" not null,
  event_id        bigint      not null,
  replay_id       text collate "C" not null,
  -- Names the copy in batches, and is its place in the lane: replays take turns by what they feed.
  copy_id         bigint      generated always as identity (cache 1),
  destination     text collate "C" not null,
  shard           smallint    not null,
  -- How many replays of this event there were, this one included.
  replay_count    integer     not null,
  status          text collate "C" not null
                    check (status in ('pending', 'published', 'failed', 'cancelled', 'retried')),
  topic_partition integer,
  topic_offset    bigint,
  batch_id        uuid,
  published_at    timestamptz,
  failed_at       timestamptz,
  error_code      text,
  error_reason    text,
  -- By event first: what asks for it is the count above, and whoever looks at one event.
  primary key (tenant_id, event_id, replay_id),
  unique (tenant_id, copy_id)
)
with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
create index replay_events_pending on outbox.replay_events (tenant_id, destination, shard, copy_id) where status = 'pending';

-- Aligned with event_ids: the copy, or 0 for the event itself. Null (nearly always) = no copies.
alter table outbox.batches add column copy_ids bigint[];
alter table outbox.batches alter column copy_ids set storage external;

-- Down Migration
alter table outbox.batches drop column copy_ids;
drop table outbox.replay_events;
drop table outbox.replays;
drop table outbox.replay_plans;
