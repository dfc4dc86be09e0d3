-- Up Migration
--
-- What retention has deleted, per tenant: accepted = pending + published + failed + skipped + purged. A table of its own, because
-- every enqueue reads the tenant's row and every batch updates the publisher's: neither should also carry this count.
create table outbox.purged (
  tenant_id text collate "C" primary key,
  published bigint      not null default 0 check (published >= 0),
  skipped   bigint      not null default 0 check (skipped >= 0),
  batches   bigint      not null default 0 check (batches >= 0),
  purged_at timestamptz not null default clock_timestamp()
)
with (fillfactor = 50);

-- Down Migration
drop table outbox.purged;
