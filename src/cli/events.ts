import type { Command } from 'commander';
import { eventId, tenant } from './arguments';
import { adminCommand, listCommand } from './command';
import type { ListFlags } from './command';
import { countText } from './counts';
import { addFilters, listQuery, statusOption } from './event-filter';
import type { FilterFlags } from './event-filter';
import { note, printFields, printJson, printRecords, recordOf } from './output';
import { list, noteMore, path, queryOf } from './pages';
import { clientOf, run } from './run';
import type { AdminFlags } from './run';

interface ListEventsFlags extends ListFlags, FilterFlags {
  readonly tenant?: string;
  readonly payload?: boolean;
}

interface ShowFlags extends AdminFlags {
  readonly payload?: boolean;
}

const COLUMNS = ['id', 'tenant_id', 'status', 'topic', 'type', 'key', 'created_at', 'attempts', 'error_code'];

/** Adds `outboxctl events`. */
export function registerEvents(program: Command): void {
  const noun = program.command('events').description('events of the outbox');
  const ls = listCommand(noun, 'ls', 'list events of one status', 50)
    .option('--tenant <tenant>', 'only of this tenant', tenant)
    .addOption(statusOption('pending, published (or sent), failed or skipped').default('pending'))
    .option('--payload', 'with payloads, in --json (needs a key with the scope payload)');
  addFilters(ls, 'only topics that contain this').action((flags: ListEventsFlags) => run(() => show(flags)));
  adminCommand(noun, 'show', 'one event with all its fields')
    .argument('<tenant>', 'tenant', tenant)
    .argument('<id>', "the event's id", eventId)
    .option('--payload', 'with its payload (needs a key with the scope payload)')
    .action((name: string, id: string, flags: ShowFlags) => run(() => showOne(name, id, flags)));
}

async function show(flags: ListEventsFlags): Promise<void> {
  const query = { ...listQuery(flags), tenant: flags.tenant, payload: flags.payload, cursor: flags.cursor };
  const listed = await list(clientOf(flags), '/admin/outbox', 'events', query, flags.limit);
  if (flags.json === true) return printJson(listed.answer);
  printRecords(COLUMNS, listed.rows);
  note(`${listed.rows.length} of ${countText(listed.answer['total'])} ${flags.status ?? 'pending'}`);
  noteMore(listed);
}

async function showOne(name: string, id: string, flags: ShowFlags): Promise<void> {
  const route = path`/admin/outbox/events/${name}/${id}` + queryOf({ payload: flags.payload });
  const answer = recordOf(await clientOf(flags).request('GET', route));
  if (flags.json === true) return printJson(answer);
  printFields(flags.payload === true ? { ...answer, payload: payloadText(answer['payload_base64']) } : answer);
}

/** The payload as text if it is text; the base64 stays beside it. */
export function payloadText(base64: unknown): string | null {
  if (typeof base64 !== 'string') return null;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(base64, 'base64'));
  } catch {
    return `(${Buffer.from(base64, 'base64').length} bytes that are no text)`;
  }
}
