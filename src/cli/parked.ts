import type { Command } from 'commander';
import { eventIds, tenant } from './arguments';
import { changeCommand, finalCommand, listCommand, printDryRun } from './command';
import type { ChangeFlags, FinalFlags, ListFlags } from './command';
import { countText } from './counts';
import { addFilters, listQuery } from './event-filter';
import type { FilterFlags } from './event-filter';
import { note, print, printJson, printRecords, recordOf } from './output';
import { list, noteMore, path } from './pages';
import { printRefused } from './refused';
import { clientOf, run } from './run';

interface ListParkedFlags extends ListFlags, FilterFlags {
  readonly tenant?: string;
}

const COLUMNS = ['id', 'tenant_id', 'topic', 'type', 'key', 'failed_at', 'attempts', 'error_code', 'last_error'];

/** Adds `outboxctl parked`: events that Kafka can never take as they are, and what an operator decides about them. */
export function registerParked(program: Command): void {
  const noun = program.command('parked').description('events that were parked (status failed)');
  const ls = listCommand(noun, 'ls', 'list parked events, with the reason', 50).option(
    '--tenant <tenant>',
    'only of this tenant',
    tenant,
  );
  addFilters(ls, 'only topics that contain this').action((flags: ListParkedFlags) => run(() => show(flags)));
  changeCommand(noun, 'retry', 'publish parked events after all (the cause is mended)')
    .argument('<tenant>', 'tenant', tenant)
    .argument('<ids...>', 'ids of events', eventIds)
    .action((name: string, ids: readonly string[], flags: ChangeFlags) => run(() => retry(name, ids, flags)));
  finalCommand(noun, 'skip', 'give events up: they stay visible, with the reason, and are never published')
    .argument('<tenant>', 'tenant', tenant)
    .argument('<ids...>', 'ids of events', eventIds)
    .action((name: string, ids: readonly string[], flags: FinalFlags) => run(() => skip(name, ids, flags)));
}

async function show(flags: ListParkedFlags): Promise<void> {
  const query = { ...listQuery(flags), status: 'failed', tenant: flags.tenant, cursor: flags.cursor };
  const listed = await list(clientOf(flags), '/admin/outbox', 'events', query, flags.limit);
  if (flags.json === true) return printJson(listed.answer);
  printRecords(COLUMNS, listed.rows);
  note(`${listed.rows.length} of ${countText(listed.answer['total'])} parked`);
  noteMore(listed);
}

async function retry(name: string, ids: readonly string[], flags: ChangeFlags): Promise<void> {
  const body = { tenant_id: name, event_ids: ids, why: flags.why };
  const answer = recordOf(await clientOf(flags).request('POST', '/admin/outbox/retry', body));
  if (flags.json === true) printJson(answer);
  else print(`${String(answer['retried'])} events of ${name} are pending again`);
  printRefused(answer);
}

async function skip(name: string, ids: readonly string[], flags: FinalFlags): Promise<void> {
  const client = clientOf(flags);
  if (flags.yes !== true) {
    const events: Record<string, unknown>[] = [];
    for (const id of ids) events.push(recordOf(await client.request('GET', path`/admin/outbox/events/${name}/${id}`)));
    if (flags.json !== true) printRecords(['id', 'status', 'topic', 'type', 'key', 'error_code'], events);
    return printDryRun(flags, `skip ${events.length} events of ${name}`, { tenant_id: name, events });
  }
  const body = { tenant_id: name, event_ids: ids, why: flags.why };
  const answer = recordOf(await client.request('POST', '/admin/outbox/skip', body));
  if (flags.json === true) printJson(answer);
  else print(`skipped ${String(answer['skipped'])} events of ${name}`);
  printRefused(answer);
}
