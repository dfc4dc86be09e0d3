-- Up Migration
--
-- Who may use the admin API, and what was changed through it. Both belong to the installation, not to one tenant (a key may be
-- for all tenants, a change may concern all), so their keys do not start with tenant_id; they are small.

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

-- Down Migration
drop table outbox.audit;
drop table outbox.admin_keys;
