-- Up Migration
--
-- Every primary key and unique index of what belongs to a tenant starts with tenant_id, so that the tables can be spread by tenant without a
-- rewrite; what belongs to the installation is few rows and lives once. No foreign keys on the enqueue path: a KEY SHARE lock on one tenant
-- row by every writer of a busy tenant makes multixacts. Names and ids compare by bytes (collate "C"): cheaper than a language's rules and the
-- same on every server.

create table outbox.installation (
  only_row   boolean     primary key default true check (only_row),
  -- Random, minted once: part of every transactional id, so that two installations on one Kafka never meet.
  install_id text        not null check (install_id ~ '^[0-9a-z]{12}$'),
  -- Ledger records carry an HMAC under this key, which is kept with the database and its backups: forged members would be silent loss.
  ledger_key bytea       not null default decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')
               check (octet_length(ledger_key) = 32),
  -- The ledger topic's identity, from when it was made: while a relay remembers no record, nothing else shows that it was made anew.
  ledger_id  text collate "C",
  -- Raised by relay 0's holder only, which writes it into the ledger before anybody uses it.
  relays     smallint    not null default 32 check (relays between 1 and 1000),
  created_at timestamptz not null default clock_timestamp()
);
insert into outbox.installation (install_id) values (substr(replace(gen_random_uuid()::text, '-', ''), 1, 12));

-- Identities of the Postgres servers that this database has lived on. Another one in the ledger is older or newer: its barrier tells.
create table outbox.servers (
  server   text collate "C" primary key,
  -- Where its own log stood when it was met first, in bytes: of copies of one timeline the shorter one is the older.
  wal      bigint      not null,
  first_at timestamptz not null default clock_timestamp()
);

-- A relay is one transactional producer with one partition of the ledger; it packs events of many publishers into each transaction. Nothing is
-- recorded here before it is sent: the ledger record has the members.
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
  -- Who chose that the ledger counts as it is now, until it is taken over so.
  adopting      jsonb,
  -- Raised by a database that replaces one elsewhere: a barrier of a higher one means that this database has been replaced.
  generation    bigint      not null default 0,
  -- Members that the ledger names and this database does not have: lost by a fail-over, or deleted.
  strangers     bigint      not null default 0,
  -- When L moved last. One that stands still for too long would be overtaken by the ledger's retention.
  moved_at      timestamptz not null default clock_timestamp(),
  updated_at    timestamptz not null default clock_timestamp()
)
-- Updated with every transaction: half-empty pages and no index on a changing column keep every update HOT.
with (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);

create table outbox.tenants (
  tenant_id  text collate "C" primary key check (tenant_id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$' and length(tenant_id) <= 100),
  status     text        not null default 'active' check (status in ('active', 'suspended')),
  settings   jsonb       not null default '{}' check (jsonb_typeof(settings) = 'object'),
  created_at timestamptz not null default clock_timestamp(),
  -- Who suspended or re-activated it, and why.
  status_by  text,
  status_why text,
  status_at  timestamptz
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

create table outbox.events (
  tenant_id       text collate "C" not null,
  -- cache 1: a larger cache gives sessions blocks of ids, and id order would no longer follow time.
  event_id        bigint generated always as identity (cache 1),
  destination     text collate "C" not null default 'kafka',
  shard           smallint    not null default 0,
  lane            smallint    not null default 0 check (lane in (0, 2, 3)),
  status          text collate "C" not null default 'pending'
                    check (status in ('pending', 'published', 'failed', 'skipped')),
  attempts        integer     not null default 0,
  topic_partition integer,
  topic_offset    bigint,
  -- The transaction that published it: <relay>@<seq>.
  batch_relay     smallint,
  batch_seq       bigint,
  -- The transaction that made it sendable: what was not visible to the last look is found by it, late commits included.
  xid             xid8        not null default pg_current_xact_id(),
  created_at      timestamptz not null default clock_timestamp(),
  published_at    timestamptz,
  failed_at       timestamptz,
  skipped_at      timestamptz,
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
comment on column outbox.events.lane is
  '0 = live, 2 = live, set aside behind an earlier event of its key, 3 = live, set aside for its topic takes nothing (1 would be copies of replays)';
comment on column outbox.events.payload is 'exact bytes; null = tombstone';

-- Only what an operator lists by status. With pending rows in it the planner claimed over this index and sorted a whole backlog;
-- with published rows settling would pay for three indexes instead of two.
create index events_status on outbox.events (status, tenant_id, created_at) where status in ('failed', 'skipped');
create index events_pending on outbox.events (tenant_id, destination, shard, lane, event_id) where status = 'pending';
-- "is not null" says nothing new, but only a condition on xid implies it: beside an old open transaction, whose statistics know of hardly a
-- pending row, claims took this index in place of their own, and 280 ms in place of 0.2.
create index events_new on outbox.events (xid) where status = 'pending' and lane = 0 and xid is not null;
-- onPoison hold-key: while an event of the live lane is parked, later events of its key wait. A claim that meets such a waiting event sets it
-- aside, behind its key in lane 2, behind its topic in lane 3. Left where it was, it would be walked over again by every claim: with 100,000 of
-- them 122 ms and 6,516 buffers in place of 20 ms and 153. Where an event is stored never decides whether it may go. No event that is
-- published on the way that most take is ever in one of these indexes.
create index events_parked on outbox.events (tenant_id, destination, shard, ordering_key, event_id)
  where status = 'failed' and lane = 0 and ordering_key is not null;
create index events_aside on outbox.events (tenant_id, destination, shard, ordering_key, event_id)
  where status = 'pending' and lane = 2;
create index events_blocked on outbox.events (tenant_id, destination, shard, topic, event_id)
  where status = 'pending' and lane = 3;

-- Few events per tenant on the average is no promise of few events of each: believing it, the planner looked for an event of a large tenant
-- by any index that begins with the tenant, and read all of its events for each one.
alter table outbox.events alter column tenant_id set (n_distinct = -0.001);

do $$
begin
  alter table outbox.events alter column payload set compression lz4;
exception when feature_not_supported then
  raise notice 'this server has no lz4: large payloads are compressed with pglz, which is slower';
end $$;

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

-- What stands in the ledger beside an id: after a lossy fail-over ids are given again, to other events. 4 bytes, unsigned.
create function outbox.fingerprint(dedupe_key text, created_at timestamptz) returns bigint
language sql stable parallel safe as $$
  select ('x' || encode(substring(sha256(convert_to(dedupe_key || '/' || (extract(epoch from created_at) * 1000000)::bigint, 'UTF8'))
    from 1 for 4), 'hex'))::bit(32)::bigint
$$;

create table outbox.publishers (
  tenant_id        text collate "C" not null,
  destination      text collate "C" not null,
  shard            smallint    not null,
  revision         bigint      not null default 0,
  state            text        not null default 'sleeping'
                     check (state in ('sleeping', 'held', 'waking', 'running', 'paused', 'throttled', 'open')),
  state_until      timestamptz,
  -- What operators set, and an open breaker: a terminated workflow or a wiped Temporal comes back with it.
  limits           jsonb       not null default '{}',
  paused           jsonb,
  breaker          jsonb,
  -- Topics that take no events, each with its error code; null = none.
  blocked          jsonb,
  -- The relay that has it, and under which fence.
  owner_relay      smallint,
  owner_fence      bigint,
  -- Of the drain that attached: where its outcome goes, what it was granted, and the totals when it began.
  drain            jsonb,
  -- The last drain that its workflow has given up, which must not attach any more.
  given_up         jsonb,
  -- Somebody wants the publisher back: an order, or a drain on another relay.
  detach_asked     boolean     not null default false,
  -- Asleep while events wait for their topics: when those are looked at next, and the wait after that look.
  topics_at        timestamptz,
  topics_wait_ms   integer     not null default 0,
  swept_at         timestamptz,
  sweep_backoff_ms integer     not null default 0,
  updated_at       timestamptz not null default clock_timestamp(),
  primary key (tenant_id, destination, shard),
  constraint publishers_owner check ((owner_relay is null) = (owner_fence is null))
)
-- Updated several times per drain: half-empty pages keep most updates HOT.
with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
comment on column outbox.publishers.revision is
  'raised by every operator or replay write that touches events of this publisher: what a relay judged before is judged anew';
comment on column outbox.publishers.state is
  'held = asleep with nothing pending but what waits behind parked events or for topics that take nothing: for the sweep there is nothing to do';
create index publishers_owner on outbox.publishers (owner_relay) where owner_relay is not null;
-- Ended drains whose activities were not told yet.
create index publishers_untold on outbox.publishers (tenant_id) where owner_relay is null and drain is not null;
create index publishers_asked on outbox.publishers (owner_relay) where owner_relay is not null and detach_asked;
create index publishers_topics on outbox.publishers (topics_at) where topics_at is not null;

-- Totals per publisher that the settle counts, in a row that only the relay writes: nobody else can hold its lock.
create table outbox.relay_counts (
  tenant_id   text collate "C" not null,
  destination text collate "C" not null,
  shard       smallint not null,
  relay       smallint not null,
  published   bigint   not null default 0,
  bytes       bigint   not null default 0,
  parked      bigint   not null default 0,
  -- Copies that replays published, beside the events themselves; their bytes are in "bytes".
  copies      bigint   not null default 0,
  primary key (tenant_id, destination, shard, relay)
)
with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);

-- Keys whose parked events an operator changed: what waits behind them may be free. The stamp tells one order from the next.
create table outbox.released (
  tenant_id    text collate "C" not null,
  destination  text collate "C" not null,
  shard        smallint not null,
  -- '' = look at the topics that take nothing.
  ordering_key text collate "C" not null,
  stamp        xid8     not null default pg_current_xact_id(),
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

-- The one way in: the library, the HTTP API and other languages all end in outbox.enqueue_many, so that the rules hold
-- everywhere. SQLSTATEs: OB001 dedupe key used before with other content, OB002 invalid event, OB003 tenant unknown or suspended.

-- Time-ordered, so that new dedupe keys land on the right edge of their index. Servers before 18 have none built in.
create function outbox.uuid_v7() returns uuid language sql volatile parallel safe as $$
  select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid
$$;

-- What identifies the content of an event for deduplication: a retry carries new trace context, which is not content.
create function outbox.content_headers(headers jsonb) returns jsonb language sql immutable parallel safe as $$
  select nullif(headers - array['traceparent', 'tracestate'], '{}')
$$;

-- The rules of an event: what is wrong with it (field, rule, remedy), or null. One expression without subqueries, so that
-- Postgres inlines it wherever it is called.
create function outbox.event_problem(topic text, type text, key text, dedupe_key text, content_type text, bytes integer)
returns text language sql immutable parallel safe as $$
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
$$;

-- True for headers that surely break no rule: a look at their text, 3 us in place of 16 us for header_problem. Short enough for
-- every limit of length, an object whose every value is a string, and no name that begins like a reserved one. Inlined, too.
create function outbox.headers_plain(headers jsonb) returns boolean language sql immutable parallel safe as $$
  select length(headers::text) <= 255 and lower(headers::text)
    !~ '^[^{]|": [^"]|""|"(outbox-|ce_|tenant-|dedupe-|event-|content-|retry-|processing-|x-)'
$$;

-- The rules of headers: what is wrong with them (field, rule, remedy), or null.
create function outbox.header_problem(headers jsonb) returns text language sql immutable parallel safe as $$
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
$$;

-- Enqueues a set of events. Row i is (tenants[i], topics[i], ...); its payload is the next lengths[i] bytes of payloads, and a
-- null or negative length is a tombstone: one blob travels as raw bytes, where an array of bytea would be hex text.
-- headers are objects of strings; a null dedupe key becomes a UUIDv7.
--
-- Returns one row per input row, in order: duplicate = the dedupe key was used before by the very same content (event_id is
-- the first event's), conflict = used with other content (event_id is that event's). code and reason say why a row was not
-- enqueued. Row problems raise nothing unless strict, so that posts of several tenants can share one transaction.
--
-- Ids ascend in input order per tenant. Rows are inserted in dedupe key order, so that two concurrent calls with overlapping
-- keys wait for each other instead of deadlocking (several calls in one transaction still can: then order them yourself).
create function outbox.enqueue_many(
  tenants text[], topics text[], types text[], keys text[], dedupe_keys text[], headers jsonb[], content_types text[],
  lengths integer[], payloads bytea, strict boolean default false
) returns table (ord integer, event_id bigint, duplicate boolean, conflict boolean, code text, reason text)
-- Planning anew for every call costs more than a small call itself; no plan here depends on the values.
language plpgsql volatile set plan_cache_mode = force_generic_plan as $$
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
end $$;

-- One event of exact bytes; payload null = tombstone. Returns its id, or the first event's id for a duplicate (with a notice).
create function outbox.enqueue(
  tenant text, topic text, type text, payload bytea, content_type text default null, key text default null,
  dedupe_key text default null, headers jsonb default null
) returns bigint language plpgsql volatile as $$
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
end $$;

-- One event of JSON, published in Postgres' own notation of jsonb.
create function outbox.enqueue(
  tenant text, topic text, type text, payload jsonb, key text default null, dedupe_key text default null,
  headers jsonb default null
) returns bigint language plpgsql volatile as $$
begin
  if payload is null then
    raise exception using errcode = 'OB002', message = 'payload is null. For a tombstone pass null::bytea.';
  end if;
  return outbox.enqueue(tenant, topic, type, convert_to(payload::text, 'UTF8'), 'application/json', key, dedupe_key, headers);
end $$;

-- One event of JSON text, checked and published as it is. Also what an untyped literal or parameter resolves to: with only
-- jsonb and bytea to choose from, payload => '{}' would be ambiguous.
create function outbox.enqueue(
  tenant text, topic text, type text, payload text, key text default null, dedupe_key text default null,
  headers jsonb default null
) returns bigint language plpgsql volatile as $$
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
end $$;

-- Writers by SQL wake a sleeping publisher with NOTIFY, which takes a database-wide lock at commit: 16 writers of 16 sleeping
-- tenants ran at a sixth of their speed when each notified. Hence it is sent only
--   while the publisher sleeps, or is held, for the new event may be of another key: the first wake ends that;
--   by one of the writers that hit it at the same time (the advisory lock ends with its transaction; a writer that skipped
--     because of it may commit first, which the sweep heals);
--   while somebody listens: a listener holds the lock named 'outbox wake listener'. Without one nobody would hear it.
-- Nothing here updates a row, which writers of one tenant would queue for.
-- The HTTP API wakes after its commit by itself: it sets outbox.wake to off for its transactions.
--
-- A loop of small statements: for one event 12 us of CPU, where a single statement that joins and filters takes 25.
create function outbox.wake_publishers() returns trigger language plpgsql as $$
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

create trigger wake_publishers after insert on outbox.events
  referencing new table as inserted for each statement execute function outbox.wake_publishers();

-- A replay publishes events again that are published already. The event's own row stays as it is (accepted = pending + published +
-- failed + skipped keeps holding); a copy of it, one row per (tenant, event, replay id), goes through the relay.

-- A counted selection, for a short time: a replay started from it takes exactly what was counted.
create table outbox.replay_plans (
  tenant_id     text collate "C" not null,
  plan_id       uuid        not null,
  destination   text collate "C" not null,
  shard         smallint    not null,
  selection     jsonb       not null,
  -- Only what was published, failed or skipped by then counts. Read when no settle is under way, so none straddles it.
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
  -- Its place in the lane: replays take turns by what they feed.
  copy_id         bigint      generated always as identity (cache 1),
  destination     text collate "C" not null,
  shard           smallint    not null,
  -- How many replays of this event there were, this one included.
  replay_count    integer     not null,
  -- Those of a paused replay stay where they are: only the relay knows which are on their way, and one that Kafka has is published,
  -- whatever its status says.
  status          text collate "C" not null
                    check (status in ('pending', 'paused', 'published', 'failed', 'cancelled', 'retried')),
  topic_partition integer,
  topic_offset    bigint,
  batch_relay     smallint,
  batch_seq       bigint,
  -- As that of an event.
  xid             xid8        not null default pg_current_xact_id(),
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
create index replay_events_new on outbox.replay_events (xid) where status = 'pending' and xid is not null;
-- As those of events.
alter table outbox.replay_events alter column tenant_id set (n_distinct = -0.001);
create index replay_events_paused on outbox.replay_events (tenant_id, replay_id) where status = 'paused';

-- Pauses everything: one row that every claim, every wake and the sweep read, instead of one signal per publisher (10,000 signals would take
-- the Temporal server minutes, and again to undo). A row whose time is over pauses nothing.
create table outbox.global_pause (
  only_row boolean     primary key default true check (only_row),
  by       text        not null,
  why      text        not null,
  since    timestamptz not null default clock_timestamp(),
  until    timestamptz
);

-- Who may use the admin API, and what was changed through it.
create table outbox.admin_keys (
  key_id       text collate "C" primary key,
  secret_hash  bytea       not null check (octet_length(secret_hash) = 32),
  last_four    text        not null,
  scopes       text[]      not null check (scopes <@ array['read', 'payload', 'replay', 'operate', 'admin'] and cardinality(scopes) > 0),
  -- null = may name every tenant
  tenant_id    text collate "C",
  label        text        not null,
  created_at   timestamptz not null default clock_timestamp(),
  created_by   text        not null,
  expires_at   timestamptz,
  revoked_at   timestamptz,
  last_used_at timestamptz
);

create table outbox.audit (
  audit_id  bigint generated always as identity (cache 1) primary key,
  at        timestamptz not null default clock_timestamp(),
  actor     text        not null,
  action    text collate "C" not null,
  tenant_id text collate "C",
  subject   text,
  why       text,
  before    jsonb,
  after     jsonb
);
comment on table outbox.audit is 'every change by operators; only ever appended to, never purged by the service';
create index audit_tenant on outbox.audit (tenant_id, audit_id);
create index audit_action on outbox.audit (action, audit_id);

-- What retention has deleted, per tenant: accepted = pending + published + failed + skipped + purged. A table of its own, because
-- every enqueue reads the tenant's row and relays update the publisher's: neither should also carry this count.
create table outbox.purged (
  tenant_id text collate "C" primary key,
  published bigint      not null default 0 check (published >= 0),
  skipped   bigint      not null default 0 check (skipped >= 0),
  purged_at timestamptz not null default clock_timestamp()
)
with (fillfactor = 50);

-- Down Migration
drop table outbox.purged;
drop table outbox.audit;
drop table outbox.admin_keys;
drop table outbox.global_pause;
drop table outbox.replay_events;
drop table outbox.replays;
drop table outbox.replay_plans;
drop trigger wake_publishers on outbox.events;
drop function outbox.wake_publishers();
drop function outbox.enqueue(text, text, text, text, text, text, jsonb);
drop function outbox.enqueue(text, text, text, jsonb, text, text, jsonb);
drop function outbox.enqueue(text, text, text, bytea, text, text, text, jsonb);
drop function outbox.enqueue_many(text[], text[], text[], text[], text[], jsonb[], text[], integer[], bytea, boolean);
drop function outbox.header_problem(jsonb);
drop function outbox.headers_plain(jsonb);
drop function outbox.event_problem(text, text, text, text, text, integer);
drop function outbox.content_headers(jsonb);
drop function outbox.uuid_v7();
drop trigger end_parking on outbox.events;
drop function outbox.end_parking();
drop table outbox.released;
drop table outbox.relay_counts;
drop table outbox.publishers;
drop function outbox.fingerprint(text, timestamptz);
drop table outbox.topic_admissions;
drop table outbox.unsettled;
drop table outbox.events;
drop table outbox.ingest_buckets;
drop table outbox.api_keys;
drop table outbox.tenants;
drop table outbox.relays;
drop table outbox.servers;
drop table outbox.installation;
