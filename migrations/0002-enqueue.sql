-- Up Migration
--
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

-- Down Migration
drop function outbox.enqueue(text, text, text, text, text, text, jsonb);
drop function outbox.enqueue(text, text, text, jsonb, text, text, jsonb);
drop function outbox.enqueue(text, text, text, bytea, text, text, text, jsonb);
drop function outbox.enqueue_many(text[], text[], text[], text[], text[], jsonb[], text[], integer[], bytea, boolean);
drop function outbox.header_problem(jsonb);
drop function outbox.headers_plain(jsonb);
drop function outbox.event_problem(text, text, text, text, text, integer);
drop function outbox.content_headers(jsonb);
drop function outbox.uuid_v7();
