-- Up Migration
--
-- Pauses everything: one row that every drain's record, every wake and the sweep read, instead of one signal per publisher
-- (10,000 signals would take the Temporal server minutes, and again to undo). A row whose time is over pauses nothing.
create table outbox.global_pause (
  only_row boolean     primary key default true check (only_row),
  by       text        not null,
  why      text        not null,
  since    timestamptz not null default clock_timestamp(),
  until    timestamptz
);

-- An open breaker, so that a terminated workflow or a wiped Temporal does not begin by failing three more times.
alter table outbox.publishers add column breaker jsonb;

-- Who suspended or re-activated a tenant, and why.
alter table outbox.tenants add column status_by text, add column status_why text, add column status_at timestamptz;

-- Token buckets of accepted events, shared by all API processes. Only tenants with a limit have one.
create table outbox.ingest_buckets (
  tenant_id text collate "C" primary key,
  tokens    double precision not null,
  granted   double precision not null,
  at        timestamptz      not null default clock_timestamp()
)
-- Updated several times a second per limited tenant: room on the page keeps every update HOT.
with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
comment on column outbox.ingest_buckets.granted is 'what the last taker got, so that one statement can take and answer';

-- Down Migration
drop table outbox.ingest_buckets;
alter table outbox.tenants drop column status_by, drop column status_why, drop column status_at;
alter table outbox.publishers drop column breaker;
drop table outbox.global_pause;
