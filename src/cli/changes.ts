import type { Command } from 'commander';
import { tenant } from './arguments';
import { listCommand } from './command';
import type { ListFlags } from './command';
import { printJson, printRecords } from './output';
import { list, noteMore } from './pages';
import { clientOf, run } from './run';

interface Flags extends ListFlags {
  readonly tenant?: string;
  readonly action?: string;
}

const COLUMNS = ['at', 'actor', 'action', 'tenant_id', 'subject', 'why', 'before', 'after'];

/** Adds `outboxctl changes`. (`outboxctl audit` is the auditor of messages.) */
export function registerChanges(program: Command): void {
  listCommand(program, 'changes', 'who changed what and why, newest first', 50)
    .option('--tenant <tenant>', 'only of this tenant', tenant)
    .option('--action <action>', 'only this action')
    .action((flags: Flags) => run(() => show(flags)));
}

async function show(flags: Flags): Promise<void> {
  const query = { tenant: flags.tenant, action: flags.action, cursor: flags.cursor };
  const listed = await list(clientOf(flags), '/admin/audit', 'entries', query, flags.limit);
  if (flags.json === true) return printJson(listed.answer);
  printRecords(COLUMNS, listed.rows);
  noteMore(listed);
}
