import type { Command } from 'commander';
import { Option } from 'commander';
import { tenant } from './arguments';
import { adminCommand, listCommand } from './command';
import type { ListFlags } from './command';
import { printFields, printJson, printRecords, recordOf } from './output';
import { list, noteMore, path } from './pages';
import { clientOf, run } from './run';
import type { AdminFlags } from './run';

interface Flags extends ListFlags {
  readonly state?: string;
  readonly tenant?: string;
}

const STATES = ['sleeping', 'held', 'waking', 'running', 'paused', 'throttled', 'open'];
const COLUMNS = ['tenant_id', 'destination', 'shard', 'state', 'state_until', 'relay'];

/** Adds `outboxctl publishers`. */
export function registerPublishers(program: Command): void {
  const noun = program.command('publishers').description("tenants' publishers");
  listCommand(noun, 'ls', 'list the publishers and what each does')
    .addOption(new Option('--state <state>', 'only in this state').choices(STATES))
    .option('--tenant <tenant>', 'only of this tenant', tenant)
    .action((flags: Flags) => run(() => show(flags)));
  adminCommand(noun, 'show', "a tenant's publisher: its row and the state of its workflow")
    .argument('<tenant>', 'tenant', tenant)
    .action((name: string, flags: AdminFlags) => run(() => showOne(name, flags)));
}

async function show(flags: Flags): Promise<void> {
  const query = { state: flags.state, tenant: flags.tenant, cursor: flags.cursor };
  const listed = await list(clientOf(flags), '/admin/publishers', 'publishers', query, flags.limit);
  if (flags.json === true) return printJson(listed.answer);
  printRecords(
    COLUMNS,
    listed.rows.map((row) => ({ ...row, relay: row['attached'] === null ? null : recordOf(row['attached'])['relay'] })),
  );
  noteMore(listed);
}

async function showOne(name: string, flags: AdminFlags): Promise<void> {
  const answer = recordOf(await clientOf(flags).request('GET', path`/admin/publishers/${name}`));
  if (flags.json === true) return printJson(answer);
  printFields(answer);
}
