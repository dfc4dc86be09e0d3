-- Up Migration
--
-- What was ordered by a command to a workflow is carried out by an activity, which runs again when its answer was lost. The entry names
-- the command, so that the second run finds what the first one did and changes nothing.
alter table outbox.audit add column command_id text collate "C";
comment on column outbox.audit.command_id is 'the command to a workflow that ordered it; null = the admin API';
create unique index audit_command on outbox.audit (command_id) where command_id is not null;

-- Down Migration
drop index outbox.audit_command;
alter table outbox.audit drop column command_id;
