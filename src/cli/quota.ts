import type { Command } from 'commander';
import { count, limit, limitBody, tenant } from './arguments';
import type { Limit } from './arguments';
import { adminCommand, changeCommand, listCommand, printDone } from './command';
import type { ChangeFlags, ListFlags } from './command';
import { printFields, printJson, printRecords, recordOf } from './output';
import { list, noteMore, path } from './pages';
import { clientOf, run } from './run';
import type { AdminFlags } from './run';

interface ListQuotasFlags extends ListFlags {
  readonly filter?: string;
}

interface SetFlags extends ChangeFlags {
  readonly rate?: Limit;
  readonly burst?: number;
  readonly bytes?: Limit;
  readonly byteBurst?: number;
  readonly ingestRate?: Limit;
  readonly ingestBurst?: number;
  readonly maxPending?: Limit;
}

const COLUMNS = ['tenant_id', 'rate_per_second', 'burst', 'bytes_per_second', 'tokens', 'ingest'];

/** Adds `outboxctl quota`. */
export function registerQuota(program: Command): void {
  const noun = program.command('quota').description("tenants' limits of publishing and of ingest");
  listCommand(noun, 'ls', 'list the limits')
    .option('--filter <text>', 'only tenants whose name contains this')
    .action((flags: ListQuotasFlags) => run(() => show(flags)));
  adminCommand(noun, 'show', 'the limits of a tenant and what is used')
    .argument('<tenant>', 'tenant', tenant)
    .action((name: string, flags: AdminFlags) => run(() => showOne(name, flags)));
  const set = changeCommand(noun, 'set', 'change the limits that are given; 0 stops, "none" takes a limit away')
    .argument('<tenant>', 'tenant', tenant)
    .option('--rate <n>', 'published events per second, or none', limit)
    .option('--burst <n>', 'events that may be published at once', count)
    .option('--bytes <n>', 'published payload bytes per second, or none', limit)
    .option('--byte-burst <n>', 'payload bytes that may be published at once', count)
    .option('--ingest-rate <n>', 'events per second accepted over HTTP, or none', limit)
    .option('--ingest-burst <n>', 'events accepted at once', count)
    .option('--max-pending <n>', 'backlog above which HTTP ingest is refused, or none', limit);
  set.action((name: string, flags: SetFlags) => {
    const body = bodyOf(flags);
    if (Object.keys(body).length === 0) set.error('error: nothing to change: give at least one limit.');
    return run(() => adjust(name, body, flags));
  });
  changeCommand(noun, 'reset', "back to the deployment's defaults, with a full bucket")
    .argument('<tenant>', 'tenant', tenant)
    .action((name: string, flags: ChangeFlags) => run(() => reset(name, flags)));
}

async function show(flags: ListQuotasFlags): Promise<void> {
  const query = { tenant_filter: flags.filter, cursor: flags.cursor };
  const listed = await list(clientOf(flags), '/admin/quotas', 'quotas', query, flags.limit);
  if (flags.json === true) return printJson(listed.answer);
  printRecords(COLUMNS, listed.rows);
  noteMore(listed);
}

async function showOne(name: string, flags: AdminFlags): Promise<void> {
  const answer = recordOf(await clientOf(flags).request('GET', path`/admin/quotas/${name}`));
  if (flags.json === true) return printJson(answer);
  printFields(answer);
}

/** The changes that the options name; what is not named stays as it is. */
export function bodyOf(flags: Omit<SetFlags, 'why'>): Record<string, unknown> {
  const ingest = {
    ...(flags.ingestRate !== undefined && { rate_per_second: limitBody(flags.ingestRate) }),
    ...(flags.ingestBurst !== undefined && { burst: flags.ingestBurst }),
    ...(flags.maxPending !== undefined && { max_pending: limitBody(flags.maxPending) }),
  };
  return {
    ...(flags.rate !== undefined && { rate_per_second: limitBody(flags.rate) }),
    ...(flags.burst !== undefined && { burst: flags.burst }),
    ...(flags.bytes !== undefined && { bytes_per_second: limitBody(flags.bytes) }),
    ...(flags.byteBurst !== undefined && { byte_burst: flags.byteBurst }),
    ...(Object.keys(ingest).length > 0 && { ingest }),
  };
}

async function adjust(name: string, body: Record<string, unknown>, flags: SetFlags): Promise<void> {
  const route = path`/admin/quotas/${name}/adjust`;
  const answer = recordOf(await clientOf(flags).request('POST', route, { ...body, why: flags.why }));
  if (flags.json === true) return printJson(answer);
  printFields({ tenant_id: name, old: answer['old'], new: answer['new'] });
}

async function reset(name: string, flags: ChangeFlags): Promise<void> {
  const answer = await clientOf(flags).request('POST', path`/admin/quotas/${name}/reset`, { why: flags.why });
  printDone(flags, answer, `reset the limits of ${name}`);
}
