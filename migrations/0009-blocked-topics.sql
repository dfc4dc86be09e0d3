-- Up Migration
--
-- Topics that refused events when the publisher's drain last looked, so that whoever asks why events wait is told which topic and
-- why. A column of the row that drains write anyway: only the drain knows, and only under its fence.
alter table outbox.publishers add column blocked jsonb;
comment on column outbox.publishers.blocked is 'topic -> error code; null = none';

-- Down Migration
alter table outbox.publishers drop column blocked;
