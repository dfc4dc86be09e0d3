-- Made by scripts/dump-schema.mjs from a migrated database. Do not edit.

-- tables
create table outbox.admin_keys (
  key_id text collate "C" not null,
  secret_hash bytea not null,
  last_four text not null,
  scopes text[] not null,
  tenant_id text collate "C",
  label text not null,
  created_at timestamp with time zone not null default clock_timestamp(),
  created_by text not null,
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  last_used_at timestamp with time zone
);
create table outbox.api_keys (
  tenant_id text collate "C" not null,
  key_id text collate "C" not null,
  secret_hash bytea not null,
  last_four text not null,
  scopes text[] not null,
  label text,
  created_at timestamp with time zone not null default clock_timestamp(),
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  last_used_at timestamp with time zone
);
create table outbox.audit (
  audit_id bigint not null generated always as identity,
  at timestamp with time zone not null default clock_timestamp(),
  actor text not null,
  action text collate "C" not null,
  tenant_id text collate "C",
  subject text,
  why text,
  before jsonb,
  after jsonb
);
create table outbox.events (
  tenant_id text collate "C" not null,
  event_id bigint not null generated always as identity,
  destination text collate "C" not null default 'kafka'::text,
  shard smallint not null default 0,
  lane smallint not null default 0,
  status text collate "C" not null default 'pending'::text,
  attempts integer not null default 0,
  topic_partition integer,
  topic_offset bigint,
  batch_relay smallint,
  batch_seq bigint,
  xid xid8 not null default pg_current_xact_id(),
  created_at timestamp with time zone not null default clock_timestamp(),
  published_at timestamp with time zone,
  failed_at timestamp with time zone,
  skipped_at timestamp with time zone,
  dedupe_key text collate "C" not null,
  topic text collate "C" not null,
  event_type text not null,
  ordering_key text collate "C",
  content_type text,
  error_code text,
  error_reason text,
  headers jsonb,
  payload bytea
)
with (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=5000, autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_insert_scale_factor=0.1, autovacuum_analyze_scale_factor=0.05);
create table outbox.global_pause (
  only_row boolean not null default true,
  by text not null,
  why text not null,
  since timestamp with time zone not null default clock_timestamp(),
  until timestamp with time zone
);
create table outbox.ingest_buckets (
  tenant_id text collate "C" not null,
  tokens double precision not null,
  granted double precision not null,
  at timestamp with time zone not null default clock_timestamp()
)
with (fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500, autovacuum_vacuum_cost_delay=0);
create table outbox.installation (
  only_row boolean not null default true,
  install_id text not null,
  ledger_key bytea not null default decode(replace(((gen_random_uuid())::text || (gen_random_uuid())::text), '-'::text, ''::text), 'hex'::text),
  ledger_id text collate "C",
  relays smallint not null default 32,
  created_at timestamp with time zone not null default clock_timestamp()
);
create table outbox.migrations (
  id integer not null default nextval('outbox.migrations_id_seq'::regclass),
  name character varying(255) not null,
  run_on timestamp without time zone not null
);
create table outbox.publishers (
  tenant_id text collate "C" not null,
  destination text collate "C" not null,
  shard smallint not null,
  revision bigint not null default 0,
  state text not null default 'sleeping'::text,
  state_until timestamp with time zone,
  limits jsonb not null default '{}'::jsonb,
  paused jsonb,
  breaker jsonb,
  blocked jsonb,
  owner_relay smallint,
  owner_fence bigint,
  drain jsonb,
  given_up jsonb,
  detach_asked boolean not null default false,
  topics_at timestamp with time zone,
  topics_wait_ms integer not null default 0,
  swept_at timestamp with time zone,
  sweep_backoff_ms integer not null default 0,
  updated_at timestamp with time zone not null default clock_timestamp()
)
with (fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500, autovacuum_vacuum_cost_delay=0);
create table outbox.purged (
  tenant_id text collate "C" not null,
  published bigint not null default 0,
  skipped bigint not null default 0,
  purged_at timestamp with time zone not null default clock_timestamp()
)
with (fillfactor=50);
create table outbox.relay_counts (
  tenant_id text collate "C" not null,
  destination text collate "C" not null,
  shard smallint not null,
  relay smallint not null,
  published bigint not null default 0,
  bytes bigint not null default 0,
  parked bigint not null default 0,
  copies bigint not null default 0
)
with (fillfactor=50, autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=500, autovacuum_vacuum_cost_delay=0);
create table outbox.relays (
  relay smallint not null,
  fence bigint not null default 0,
  server text collate "C",
  ledger_offset bigint not null default '-1'::integer,
  ledger_kind text not null default 'none'::text,
  ledger_seq bigint not null default 0,
  ledger_fence bigint not null default 0,
  closed bigint not null default 0,
  recovered_on text collate "C",
  holder text,
  lease_until timestamp with time zone,
  halted jsonb,
  adopting jsonb,
  generation bigint not null default 0,
  strangers bigint not null default 0,
  moved_at timestamp with time zone not null default clock_timestamp(),
  updated_at timestamp with time zone not null default clock_timestamp()
)
with (fillfactor=20, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500, autovacuum_vacuum_cost_delay=0);
create table outbox.released (
  tenant_id text collate "C" not null,
  destination text collate "C" not null,
  shard smallint not null,
  ordering_key text collate "C" not null,
  stamp xid8 not null default pg_current_xact_id()
)
with (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500);
create table outbox.replay_events (
  tenant_id text collate "C" not null,
  event_id bigint not null,
  replay_id text collate "C" not null,
  copy_id bigint not null generated always as identity,
  destination text collate "C" not null,
  shard smallint not null,
  replay_count integer not null,
  status text collate "C" not null,
  topic_partition integer,
  topic_offset bigint,
  batch_relay smallint,
  batch_seq bigint,
  xid xid8 not null default pg_current_xact_id(),
  published_at timestamp with time zone,
  failed_at timestamp with time zone,
  error_code text,
  error_reason text
)
with (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=5000, autovacuum_vacuum_cost_delay=0);
create table outbox.replay_plans (
  tenant_id text collate "C" not null,
  plan_id uuid not null,
  destination text collate "C" not null,
  shard smallint not null,
  selection jsonb not null,
  cut timestamp with time zone not null,
  last_event_id bigint not null,
  total bigint not null,
  expires_at timestamp with time zone not null
);
create table outbox.replays (
  tenant_id text collate "C" not null,
  replay_id text collate "C" not null,
  destination text collate "C" not null,
  shard smallint not null,
  state text not null default 'running'::text,
  selection jsonb not null,
  cut timestamp with time zone not null,
  last_event_id bigint not null,
  total bigint not null,
  fed_up_to bigint not null default 0,
  fed bigint not null default 0,
  published bigint not null default 0,
  failed bigint not null default 0,
  cancelled bigint not null default 0,
  retried bigint not null default 0,
  rate_per_second integer,
  tokens double precision not null default 0,
  tokens_at timestamp with time zone not null default clock_timestamp(),
  started_by text not null,
  why text not null,
  changed jsonb,
  started_at timestamp with time zone not null default clock_timestamp(),
  ended_at timestamp with time zone,
  visit_at timestamp with time zone default clock_timestamp()
)
with (fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500, autovacuum_vacuum_cost_delay=0);
create table outbox.servers (
  server text collate "C" not null,
  wal bigint not null,
  first_at timestamp with time zone not null default clock_timestamp()
);
create table outbox.tenants (
  tenant_id text collate "C" not null,
  status text not null default 'active'::text,
  settings jsonb not null default '{}'::jsonb,
  created_at timestamp with time zone not null default clock_timestamp(),
  status_by text,
  status_why text,
  status_at timestamp with time zone
);
create table outbox.topic_admissions (
  topic text collate "C" not null,
  suspended jsonb,
  look_at timestamp with time zone,
  wait_ms integer not null default 0,
  changed_at timestamp with time zone not null default clock_timestamp()
);
create table outbox.unsettled (
  tenant_id text collate "C" not null,
  event_id bigint not null,
  replay_id text collate "C" not null default ''::text,
  fingerprint bigint not null,
  relay smallint not null,
  seq bigint not null,
  topic_partition integer,
  topic_offset bigint,
  at timestamp with time zone not null default clock_timestamp()
);

-- constraints
alter table outbox.admin_keys add constraint admin_keys_pkey PRIMARY KEY (key_id);
alter table outbox.admin_keys add constraint admin_keys_scopes_check CHECK (((scopes <@ ARRAY['read'::text, 'payload'::text, 'replay'::text, 'operate'::text, 'admin'::text]) AND (cardinality(scopes) > 0)));
alter table outbox.admin_keys add constraint admin_keys_secret_hash_check CHECK ((octet_length(secret_hash) = 32));
alter table outbox.api_keys add constraint api_keys_pkey PRIMARY KEY (tenant_id, key_id);
alter table outbox.api_keys add constraint api_keys_secret_hash_check CHECK ((octet_length(secret_hash) = 32));
alter table outbox.audit add constraint audit_pkey PRIMARY KEY (audit_id);
alter table outbox.events add constraint events_headers_check CHECK ((jsonb_typeof(headers) = 'object'::text));
alter table outbox.events add constraint events_lane_check CHECK ((lane = ANY (ARRAY[0, 2, 3])));
alter table outbox.events add constraint events_pkey PRIMARY KEY (tenant_id, event_id);
alter table outbox.events add constraint events_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'published'::text, 'failed'::text, 'skipped'::text])));
alter table outbox.events add constraint events_tenant_id_dedupe_key_key UNIQUE (tenant_id, dedupe_key);
alter table outbox.global_pause add constraint global_pause_only_row_check CHECK (only_row);
alter table outbox.global_pause add constraint global_pause_pkey PRIMARY KEY (only_row);
alter table outbox.ingest_buckets add constraint ingest_buckets_pkey PRIMARY KEY (tenant_id);
alter table outbox.installation add constraint installation_install_id_check CHECK ((install_id ~ '^[0-9a-z]{12}$'::text));
alter table outbox.installation add constraint installation_ledger_key_check CHECK ((octet_length(ledger_key) = 32));
alter table outbox.installation add constraint installation_only_row_check CHECK (only_row);
alter table outbox.installation add constraint installation_pkey PRIMARY KEY (only_row);
alter table outbox.installation add constraint installation_relays_check CHECK (((relays >= 1) AND (relays <= 1000)));
alter table outbox.migrations add constraint migrations_pkey PRIMARY KEY (id);
alter table outbox.publishers add constraint publishers_owner CHECK (((owner_relay IS NULL) = (owner_fence IS NULL)));
alter table outbox.publishers add constraint publishers_pkey PRIMARY KEY (tenant_id, destination, shard);
alter table outbox.publishers add constraint publishers_state_check CHECK ((state = ANY (ARRAY['sleeping'::text, 'held'::text, 'waking'::text, 'running'::text, 'paused'::text, 'throttled'::text, 'open'::text])));
alter table outbox.purged add constraint purged_pkey PRIMARY KEY (tenant_id);
alter table outbox.purged add constraint purged_published_check CHECK ((published >= 0));
alter table outbox.purged add constraint purged_skipped_check CHECK ((skipped >= 0));
alter table outbox.relay_counts add constraint relay_counts_pkey PRIMARY KEY (tenant_id, destination, shard, relay);
alter table outbox.relays add constraint relays_ledger_kind_check CHECK ((ledger_kind = ANY (ARRAY['none'::text, 'barrier'::text, 'batch'::text])));
alter table outbox.relays add constraint relays_pkey PRIMARY KEY (relay);
alter table outbox.relays add constraint relays_relay_check CHECK ((relay >= 0));
alter table outbox.released add constraint released_pkey PRIMARY KEY (tenant_id, destination, shard, ordering_key);
alter table outbox.replay_events add constraint replay_events_pkey PRIMARY KEY (tenant_id, event_id, replay_id);
alter table outbox.replay_events add constraint replay_events_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'paused'::text, 'published'::text, 'failed'::text, 'cancelled'::text, 'retried'::text])));
alter table outbox.replay_events add constraint replay_events_tenant_id_copy_id_key UNIQUE (tenant_id, copy_id);
alter table outbox.replay_plans add constraint replay_plans_pkey PRIMARY KEY (tenant_id, plan_id);
alter table outbox.replays add constraint replays_pkey PRIMARY KEY (tenant_id, replay_id);
alter table outbox.replays add constraint replays_rate_per_second_check CHECK ((rate_per_second > 0));
alter table outbox.replays add constraint replays_replay_id_check CHECK ((replay_id ~ '^[!-~]{1,100}$'::text));
alter table outbox.replays add constraint replays_state_check CHECK ((state = ANY (ARRAY['running'::text, 'paused'::text, 'cancelled'::text, 'done'::text])));
alter table outbox.servers add constraint servers_pkey PRIMARY KEY (server);
alter table outbox.tenants add constraint tenants_pkey PRIMARY KEY (tenant_id);
alter table outbox.tenants add constraint tenants_settings_check CHECK ((jsonb_typeof(settings) = 'object'::text));
alter table outbox.tenants add constraint tenants_status_check CHECK ((status = ANY (ARRAY['active'::text, 'suspended'::text])));
alter table outbox.tenants add constraint tenants_tenant_id_check CHECK (((tenant_id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$'::text) AND (length(tenant_id) <= 100)));
alter table outbox.topic_admissions add constraint topic_admissions_pkey PRIMARY KEY (topic);
alter table outbox.unsettled add constraint unsettled_pkey PRIMARY KEY (tenant_id, event_id, replay_id);

-- indexes
CREATE UNIQUE INDEX admin_keys_pkey ON outbox.admin_keys USING btree (key_id);
CREATE INDEX api_keys_key_id ON outbox.api_keys USING btree (key_id);
CREATE UNIQUE INDEX api_keys_pkey ON outbox.api_keys USING btree (tenant_id, key_id);
CREATE INDEX audit_action ON outbox.audit USING btree (action, audit_id);
CREATE UNIQUE INDEX audit_pkey ON outbox.audit USING btree (audit_id);
CREATE INDEX audit_tenant ON outbox.audit USING btree (tenant_id, audit_id);
CREATE INDEX events_aside ON outbox.events USING btree (tenant_id, destination, shard, ordering_key, event_id) WHERE ((status = 'pending'::text) AND (lane = 2));
CREATE INDEX events_blocked ON outbox.events USING btree (tenant_id, destination, shard, topic, event_id) WHERE ((status = 'pending'::text) AND (lane = 3));
CREATE INDEX events_new ON outbox.events USING btree (xid) WHERE ((status = 'pending'::text) AND (lane = 0) AND (xid IS NOT NULL));
CREATE INDEX events_parked ON outbox.events USING btree (tenant_id, destination, shard, ordering_key, event_id) WHERE ((status = 'failed'::text) AND (lane = 0) AND (ordering_key IS NOT NULL));
CREATE INDEX events_pending ON outbox.events USING btree (tenant_id, destination, shard, lane, event_id) WHERE (status = 'pending'::text);
CREATE UNIQUE INDEX events_pkey ON outbox.events USING btree (tenant_id, event_id);
CREATE INDEX events_status ON outbox.events USING btree (status, tenant_id, created_at) WHERE (status = ANY (ARRAY['failed'::text, 'skipped'::text]));
CREATE UNIQUE INDEX events_tenant_id_dedupe_key_key ON outbox.events USING btree (tenant_id, dedupe_key);
CREATE UNIQUE INDEX global_pause_pkey ON outbox.global_pause USING btree (only_row);
CREATE UNIQUE INDEX ingest_buckets_pkey ON outbox.ingest_buckets USING btree (tenant_id);
CREATE UNIQUE INDEX installation_pkey ON outbox.installation USING btree (only_row);
CREATE UNIQUE INDEX migrations_pkey ON outbox.migrations USING btree (id);
CREATE INDEX publishers_asked ON outbox.publishers USING btree (owner_relay) WHERE ((owner_relay IS NOT NULL) AND detach_asked);
CREATE INDEX publishers_owner ON outbox.publishers USING btree (owner_relay) WHERE (owner_relay IS NOT NULL);
CREATE UNIQUE INDEX publishers_pkey ON outbox.publishers USING btree (tenant_id, destination, shard);
CREATE INDEX publishers_topics ON outbox.publishers USING btree (topics_at) WHERE (topics_at IS NOT NULL);
CREATE INDEX publishers_untold ON outbox.publishers USING btree (tenant_id) WHERE ((owner_relay IS NULL) AND (drain IS NOT NULL));
CREATE UNIQUE INDEX purged_pkey ON outbox.purged USING btree (tenant_id);
CREATE UNIQUE INDEX relay_counts_pkey ON outbox.relay_counts USING btree (tenant_id, destination, shard, relay);
CREATE UNIQUE INDEX relays_pkey ON outbox.relays USING btree (relay);
CREATE UNIQUE INDEX released_pkey ON outbox.released USING btree (tenant_id, destination, shard, ordering_key);
CREATE INDEX replay_events_new ON outbox.replay_events USING btree (xid) WHERE ((status = 'pending'::text) AND (xid IS NOT NULL));
CREATE INDEX replay_events_paused ON outbox.replay_events USING btree (tenant_id, replay_id) WHERE (status = 'paused'::text);
CREATE INDEX replay_events_pending ON outbox.replay_events USING btree (tenant_id, destination, shard, copy_id) WHERE (status = 'pending'::text);
CREATE UNIQUE INDEX replay_events_pkey ON outbox.replay_events USING btree (tenant_id, event_id, replay_id);
CREATE UNIQUE INDEX replay_events_tenant_id_copy_id_key ON outbox.replay_events USING btree (tenant_id, copy_id);
CREATE UNIQUE INDEX replay_plans_pkey ON outbox.replay_plans USING btree (tenant_id, plan_id);
CREATE UNIQUE INDEX replays_pkey ON outbox.replays USING btree (tenant_id, replay_id);
CREATE INDEX replays_visits ON outbox.replays USING btree (visit_at) WHERE (visit_at IS NOT NULL);
CREATE UNIQUE INDEX servers_pkey ON outbox.servers USING btree (server);
CREATE UNIQUE INDEX tenants_pkey ON outbox.tenants USING btree (tenant_id);
CREATE INDEX topic_admissions_changed ON outbox.topic_admissions USING btree (changed_at);
CREATE INDEX topic_admissions_due ON outbox.topic_admissions USING btree (look_at) WHERE (suspended IS NOT NULL);
CREATE UNIQUE INDEX topic_admissions_pkey ON outbox.topic_admissions USING btree (topic);
CREATE UNIQUE INDEX unsettled_pkey ON outbox.unsettled USING btree (tenant_id, event_id, replay_id);

-- functions
CREATE OR REPLACE FUNCTION outbox.content_headers(headers jsonb)
 RETURNS jsonb
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  select nullif(headers - array['traceparent', 'tracestate'], '{}')
$function$
;
CREATE OR REPLACE FUNCTION outbox.end_parking()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
end $function$
;
CREATE OR REPLACE FUNCTION outbox.enqueue(tenant text, topic text, type text, payload bytea, content_type text DEFAULT NULL::text, key text DEFAULT NULL::text, dedupe_key text DEFAULT NULL::text, headers jsonb DEFAULT NULL::jsonb)
 RETURNS bigint
 LANGUAGE plpgsql
AS $function$
declare
  outcome record;
  id      bigint;
begin
  -- The usual case, three times as fast as the general one. What it cannot do, the general one does or explains.
  if outbox.event_problem(topic, type, key, dedupe_key, content_type, octet_length(payload)) is null
     and (headers is null or outbox.headers_plain(headers))
     and exists (select from outbox.tenants t where t.tenant_id = tenant and t.status = 'active') then
    insert into outbox.events as e (tenant_id, dedupe_key, topic, event_type, ordering_key, headers, content_type, payload)
    values (tenant, coalesce(dedupe_key, outbox.uuid_v7()::text), topic, type, key, nullif(headers, '{}'), content_type, payload)
    on conflict on constraint events_tenant_id_dedupe_key_key do nothing returning e.event_id into id;
    if found then
      return id;
    end if;
  end if;

  select * into outcome from outbox.enqueue_many(array[tenant], array[topic], array[type], array[key], array[dedupe_key],
    array[headers], array[content_type], array[octet_length(payload)], coalesce(payload, ''), true);
  if outcome.duplicate then
    raise notice 'dedupe key % of tenant % was used before by the same event, %: nothing enqueued', dedupe_key, tenant,
      outcome.event_id;
  end if;
  return outcome.event_id;
end $function$
;
CREATE OR REPLACE FUNCTION outbox.enqueue(tenant text, topic text, type text, payload jsonb, key text DEFAULT NULL::text, dedupe_key text DEFAULT NULL::text, headers jsonb DEFAULT NULL::jsonb)
 RETURNS bigint
 LANGUAGE plpgsql
AS $function$
begin
  if payload is null then
    raise exception using errcode = 'OB002', message = 'payload is null. For a tombstone pass null::bytea.';
  end if;
  return outbox.enqueue(tenant, topic, type, convert_to(payload::text, 'UTF8'), 'application/json', key, dedupe_key, headers);
end $function$
;
CREATE OR REPLACE FUNCTION outbox.enqueue(tenant text, topic text, type text, payload text, key text DEFAULT NULL::text, dedupe_key text DEFAULT NULL::text, headers jsonb DEFAULT NULL::jsonb)
 RETURNS bigint
 LANGUAGE plpgsql
AS $function$
begin
  begin
    perform payload::jsonb;
  exception when data_exception then
    raise exception using errcode = 'OB002',
      message = format('payload is not valid JSON: %s. For other content pass bytea and a content_type.', sqlerrm);
  end;
  if payload is null then
    raise exception using errcode = 'OB002', message = 'payload is null. For a tombstone pass null::bytea.';
  end if;
  return outbox.enqueue(tenant, topic, type, convert_to(payload, 'UTF8'), 'application/json', key, dedupe_key, headers);
end $function$
;
CREATE OR REPLACE FUNCTION outbox.enqueue_many(tenants text[], topics text[], types text[], keys text[], dedupe_keys text[], headers jsonb[], content_types text[], lengths integer[], payloads bytea, strict boolean DEFAULT false)
 RETURNS TABLE(ord integer, event_id bigint, duplicate boolean, conflict boolean, code text, reason text)
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
#variable_conflict use_column
declare
  n         constant integer := cardinality(tenants);
  dedupes   text[] := dedupe_keys;
  ids       bigint[];
  bad       integer[];
  codes     text[];
  reasons   text[];
  inserted  bigint[];
  trouble   record;
begin
  if n = 0 then
    return;
  end if;
  if n is null or array[cardinality(topics), cardinality(types), cardinality(keys), cardinality(dedupe_keys),
       cardinality(headers), cardinality(content_types), cardinality(lengths)] is distinct from array[n, n, n, n, n, n, n] then
    raise exception using errcode = 'OB002', message = 'arrays differ in length. Pass one element per event in every array.';
  end if;
  if octet_length(payloads) is distinct from (select coalesce(sum(l) filter (where l > 0), 0) from unnest(lengths) l) then
    raise exception using errcode = 'OB002',
      message = 'lengths do not add up to the size of payloads. Pass the payloads'' bytes one after the other.';
  end if;
  if array_position(dedupes, null) is not null then
    dedupes := array(select coalesce(k, outbox.uuid_v7()::text) from unnest(dedupe_keys) with ordinality u (k, o) order by o);
  end if;

  select array_agg(p.o::integer order by p.o), array_agg(p.code order by p.o), array_agg(p.reason order by p.o)
  into bad, codes, reasons
  from (
    select u.o,
      case when known.tenant_id is null then 'OB003' else 'OB002' end as code,
      case
        when known.tenant_id is null
          then format('tenant %L is unknown or suspended. Create or re-activate it with outboxctl.', u.tenant)
        else coalesce(outbox.event_problem(u.topic, u.type, u.key, u.dedupe, u.content_type, u.len),
                      case when not outbox.headers_plain(u.headers) then outbox.header_problem(u.headers) end)
      end as reason
    from unnest(tenants, topics, types, keys, dedupes, headers, content_types, lengths)
           with ordinality as u (tenant, topic, type, key, dedupe, headers, content_type, len, o)
    -- not a join: the few tenants of a call are looked up once, as a hash
    left join lateral (select u.tenant as tenant_id where u.tenant in (
      select t.tenant_id from outbox.tenants t where t.tenant_id = any (tenants) and t.status = 'active')) known on true
  ) p
  where p.reason is not null;

  if strict and bad is not null then
    raise exception using errcode = codes[1],
      message = case when n = 1 then reasons[1] else format('event %s of %s: %s', bad[1], n, reasons[1]) end;
  end if;

  ids := array(select nextval('outbox.events_event_id_seq') from generate_series(1, n));
  with stored as (
    insert into outbox.events
      (tenant_id, event_id, dedupe_key, topic, event_type, ordering_key, headers, content_type, payload)
    overriding system value
    select i.tenant, i.id, i.dedupe, i.topic, i.type, i.key, nullif(i.headers, '{}'), i.content_type,
           case when i.len >= 0 then substring(payloads from i.start for i.len) end
    from (
      select u.*, (1 + sum(greatest(u.len, 0)) over (order by u.o) - greatest(u.len, 0))::integer as start
      from unnest(tenants, ids, dedupes, topics, types, keys, headers, content_types, lengths)
             with ordinality as u (tenant, id, dedupe, topic, type, key, headers, content_type, len, o)
    ) i
    where bad is null or i.o <> all (bad)
    order by i.tenant collate "C", i.dedupe collate "C", i.o
    on conflict (tenant_id, dedupe_key) do nothing
    returning event_id
  )
  select array_agg(s.event_id) into inserted from stored s;

  if cardinality(inserted) = n then
    return query select u.o::integer, u.id, false, false, null::text, null::text
                 from unnest(ids) with ordinality as u (id, o) order by u.o;
    return;
  end if;

  -- A statement of its own: only a new snapshot sees the row that another transaction committed while we waited for it.
  for trouble in
    select u.o, u.tenant, u.dedupe, u.id, e.event_id as first_id, coalesce(u.id = any (inserted), false) as stored,
           array_position(bad, u.o::integer) as bad_at,
           concat_ws(', ',
             case when e.topic <> u.topic then 'topic' end,
             case when e.event_type <> u.type then 'type' end,
             case when e.ordering_key is distinct from u.key then 'key' end,
             case when outbox.content_headers(e.headers) is distinct from outbox.content_headers(u.headers) then 'headers' end,
             case when e.content_type is distinct from u.content_type then 'content type' end,
             case when e.payload is distinct from case when u.len >= 0 then substring(payloads from u.start for u.len) end
                  then 'payload' end) as differs
    from (
      select i.*, (1 + sum(greatest(i.len, 0)) over (order by i.o) - greatest(i.len, 0))::integer as start
      from unnest(tenants, ids, dedupes, topics, types, keys, headers, content_types, lengths)
             with ordinality as i (tenant, id, dedupe, topic, type, key, headers, content_type, len, o)
    ) u
    -- offset 0 keeps this one index descent per row, whatever the planner believes about the size of the table
    left join lateral (
      select * from outbox.events e
      where e.tenant_id = u.tenant and e.dedupe_key = u.dedupe and u.id <> all (coalesce(inserted, '{}')) offset 0) e on true
    order by u.o
  loop
    ord := trouble.o;
    event_id := trouble.first_id;
    duplicate := false;
    conflict := false;
    code := null;
    reason := null;
    if trouble.bad_at is not null then
      event_id := null;
      code := codes[trouble.bad_at];
      reason := reasons[trouble.bad_at];
    elsif trouble.stored then
      event_id := trouble.id;
    elsif trouble.first_id is null then
      raise exception using errcode = 'serialization_failure',
        message = 'the first event of a dedupe key was purged while its duplicate came in. Run the transaction again.';
    elsif trouble.differs = '' then
      duplicate := true;
    else
      conflict := true;
      code := 'OB001';
      reason := format('dedupe key %L of tenant %L was used before by event %s with another %s. '
        'Use a new dedupe key for a new event, or the same content for a retry.',
        trouble.dedupe, trouble.tenant, trouble.first_id, trouble.differs);
      if strict then
        raise exception using errcode = code, message = reason;
      end if;
    end if;
    return next;
  end loop;
end $function$
;
CREATE OR REPLACE FUNCTION outbox.event_problem(topic text, type text, key text, dedupe_key text, content_type text, bytes integer)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  select case
    when topic is null or topic !~ '^[A-Za-z0-9._-]+$' or length(topic) > 249 or topic in ('.', '..')
      then 'topic must be 1 to 249 of the characters A-Z a-z 0-9 . _ - and neither "." nor "..". Use a valid Kafka topic name.'
    when type is null or length(type) not between 1 and 255
      then 'type must have 1 to 255 characters. Name what happened, such as order.created.'
    when length(key) not between 1 and 1024
      then 'key must have 1 to 1024 characters. Leave it out if order does not matter.'
    when length(dedupe_key) not between 1 and 255
      then 'dedupe_key must have 1 to 255 characters. Leave it out to get a fresh one.'
    when length(content_type) not between 1 and 255
      then 'content_type must have 1 to 255 characters. Leave it out if there is none.'
    when bytes > 524288
      then 'payload has more than 524288 bytes. Store large content elsewhere and send its address.'
  end
$function$
;
CREATE OR REPLACE FUNCTION outbox.fingerprint(dedupe_key text, created_at timestamp with time zone)
 RETURNS bigint
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
  select ('x' || encode(substring(sha256(convert_to(dedupe_key || '/' || (extract(epoch from created_at) * 1000000)::bigint, 'UTF8'))
    from 1 for 4), 'hex'))::bit(32)::bigint
$function$
;
CREATE OR REPLACE FUNCTION outbox.header_problem(headers jsonb)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  select case
    when jsonb_typeof(headers) <> 'object'
      then 'headers must be a JSON object of strings. Pass for example {"source": "checkout"}.'
    else (
      select case
        when count(*) > 64 then 'headers has more than 64 entries. Put the data into the payload.'
        else min(case
          when jsonb_typeof(h.value) <> 'string' then format('headers value of %L must be a string. Quote it.', h.key)
          when length(h.key) not between 1 and 255 then 'headers names must have 1 to 255 characters. Rename the header.'
          when length(h.value #>> '{}') > 4096
            then format('headers value of %L must have at most 4096 characters. Put the data into the payload.', h.key)
          when lower(h.key) in ('tenant-id', 'dedupe-key', 'event-id', 'event-type', 'event-topic', 'event-created-at',
                 'content-type', 'retry-count', 'processing-attempt', 'x-timestamp-ms', 'x-schema-version', 'x-producer-id')
               or starts_with(lower(h.key), 'outbox-') or starts_with(lower(h.key), 'ce_')
            then format('headers name %L is reserved for the publisher. Rename the header.', h.key)
        end)
      end
      from jsonb_each(headers) h)
  end
$function$
;
CREATE OR REPLACE FUNCTION outbox.headers_plain(headers jsonb)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  select length(headers::text) <= 255 and lower(headers::text)
    !~ '^[^{]|": [^"]|""|"(outbox-|ce_|tenant-|dedupe-|event-|content-|retry-|processing-|x-)'
$function$
;
CREATE OR REPLACE FUNCTION outbox.uuid_v7()
 RETURNS uuid
 LANGUAGE sql
 PARALLEL SAFE
AS $function$
  select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid
$function$
;
CREATE OR REPLACE FUNCTION outbox.wake_publishers()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
end $function$
;

-- triggers
CREATE TRIGGER end_parking BEFORE UPDATE ON outbox.events FOR EACH ROW WHEN (((old.status = 'failed'::text) AND (new.status <> 'failed'::text))) EXECUTE FUNCTION outbox.end_parking();
CREATE TRIGGER wake_publishers AFTER INSERT ON outbox.events REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION outbox.wake_publishers();

-- comments
comment on column outbox.events.lane is '0 = live, 2 = live, set aside behind an earlier event of its key, 3 = live, set aside for its topic takes nothing (1 would be copies of replays)';
comment on column outbox.events.payload is 'exact bytes; null = tombstone';
comment on column outbox.ingest_buckets.granted is 'what the last taker got, so that one statement can take and answer';
comment on column outbox.publishers.revision is 'raised by every operator or replay write that touches events of this publisher: what a relay judged before is judged anew';
comment on column outbox.publishers.state is 'held = asleep with nothing pending but what waits behind parked events or for topics that take nothing: for the sweep there is nothing to do';
