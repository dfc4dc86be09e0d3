-- Up Migration
--
-- Every primary key and unique index starts with tenant_id, so that the tables can be spread by tenant without a rewrite.
-- No foreign keys on the enqueue path: a KEY SHARE lock on one tenant row by every writer of a busy tenant makes multixacts.
-- Names and ids compare by bytes (collate "C"): cheaper than a language's rules and the same on every server.

create table outbox.installation (
  only_row   boolean     primary key default true check (only_row),
  install_id text        not null check (install_id ~ '^[0-9a-z]{12}$'),
  created_at timestamptz not null default clock_timestamp()
);
-- Random, minted once: part of every transactional id, so that two installations on one Kafka never meet.
insert into outbox.installation (install_id) values (substr(replace(gen_random_uuid()::text, '-', ''), 1, 12));

create table outbox.tenants (
  tenant_id  text collate "C" primary key check (tenant_id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$' and length(tenant_id) <= 100),
  status     text        not null default 'active' check (status in ('active', 'suspended')),
  settings   jsonb       not null default '{}' check (jsonb_typeof(settings) = 'object'),
  created_at timestamptz not null default clock_timestamp()
);

create table outbox.api_keys (
  tenant_id    text collate "C" not null,
  key_id       text collate "C" not null,
  secret_hash  bytea       not null check (octet_length(secret_hash) = 32),
  last_four    text        not null,
  scopes       text[]      not null,
  label        text,
  created_at   timestamptz not null default clock_timestamp(),
  expires_at   timestamptz,
  revoked_at   timestamptz,
  last_used_at timestamptz,
  primary key (tenant_id, key_id)
);
create index api_keys_key_id on outbox.api_keys (key_id);

create table outbox.events (
  tenant_id       text collate "C" not null,
  -- cache 1: a larger cache gives sessions blocks of ids, and id order would no longer follow time.
  event_id        bigint generated always as identity (cache 1),
  destination     text collate "C" not null default 'kafka',
  shard           smallint    not null default 0,
  lane            smallint    not null default 0 check (lane in (0, 1)),
  status          text collate "C" not null default 'pending'
                    check (status in ('pending', 'published', 'failed', 'skipped')),
  attempts        integer     not null default 0,
  topic_partition integer,
  topic_offset    bigint,
  batch_id        uuid,
  created_at      timestamptz not null default clock_timestamp(),
  published_at    timestamptz,
  failed_at       timestamptz,
  dedupe_key      text collate "C" not null,
  topic           text collate "C" not null,
  event_type      text        not null,
  ordering_key    text collate "C",
  content_type    text,
  error_code      text,
  error_reason    text,
  headers         jsonb check (jsonb_typeof(headers) = 'object'),
  payload         bytea,
  primary key (tenant_id, event_id),
  unique (tenant_id, dedupe_key)
)
-- Status is part of index predicates, so settling is never a HOT update and free space in the page buys nothing: pages stay
-- full. Vacuum early and without pauses: what it removes here are the dead entries that every claim walks over.
with (
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,
  autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.05
);
comment on column outbox.events.lane is '0 = live, 1 = replay';
comment on column outbox.events.payload is 'exact bytes; null = tombstone';

-- Only what an operator lists by status. With pending rows in it the planner claimed over this index and sorted a whole backlog;
-- with published rows settling would pay for three indexes instead of two.
create index events_status on outbox.events (status, tenant_id, created_at) where status in ('failed', 'skipped');
create index events_pending on outbox.events (tenant_id, destination, shard, lane, event_id) where status = 'pending';

do $$
begin
  alter table outbox.events alter column payload set compression lz4;
exception when feature_not_supported then
  raise notice 'this server has no lz4: large payloads are compressed with pglz, which is slower';
end $$;

create table outbox.publishers (
  tenant_id        text collate "C" not null,
  destination      text collate "C" not null,
  shard            smallint    not null,
  fence            bigint      not null default 0,
  recorded         bigint      not null default 0,
  settled          bigint      not null default 0,
  settled_at       timestamptz,
  revision         bigint      not null default 0,
  state            text        not null default 'sleeping'
                     check (state in ('sleeping', 'waking', 'running', 'paused', 'throttled', 'open', 'halted')),
  state_until      timestamptz,
  drained_by       text,
  limits           jsonb       not null default '{}',
  paused           jsonb,
  halted           jsonb,
  swept_at         timestamptz,
  sweep_backoff_ms integer     not null default 0,
  updated_at       timestamptz not null default clock_timestamp(),
  primary key (tenant_id, destination, shard),
  check (settled <= recorded)
)
-- Updated several times per batch: half-empty pages and no index on a changing column keep every update HOT.
with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
comment on column outbox.publishers.revision is
  'raised by every operator or replay write that touches pending events of this publisher; a drain records only under the revision it selected under';

create table outbox.batches (
  tenant_id   text collate "C" not null,
  destination text collate "C" not null,
  shard       smallint    not null,
  seq         bigint      not null,
  batch_id    uuid        not null,
  grant_id    text        not null,
  event_ids   bigint[]    not null,
  events      integer     not null,
  bytes       bigint      not null,
  attempts    integer     not null default 0,
  recorded_at timestamptz not null default clock_timestamp(),
  settled_at  timestamptz,
  positions   jsonb,
  primary key (tenant_id, destination, shard, seq)
)
with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
-- Ids are written once and read at most once: compressing 6,000 of them costs more than it saves.
alter table outbox.batches alter column event_ids set storage external;
create index batches_unsettled on outbox.batches (tenant_id, destination, shard, seq) where settled_at is null;
create index batches_grant on outbox.batches (tenant_id, grant_id);

-- Down Migration
drop table outbox.batches;
drop table outbox.publishers;
drop table outbox.events;
drop table outbox.api_keys;
drop table outbox.tenants;
drop table outbox.installation;
