import type { Command } from 'commander';
import { adminCommand } from './command';
import { listOf, print, printJson, printRecords, recordOf } from './output';
import { addRelayWays } from './relay-ways';
import { clientOf, run } from './run';
import type { AdminFlags } from './run';

const COLUMNS = [
  ...['relay', 'holder', 'attached', 'fence', 'recovered', 'ledger_offset', 'ledger_seq', 'moved_at'],
  ...['unsettled', 'strangers', 'halted'],
];

/** Adds `outboxctl relays`. */
export function registerRelays(program: Command): void {
  const noun = program.command('relays').description('the producers that publish for all tenants');
  adminCommand(noun, 'ls', 'who has each relay, and how far its ledger is settled')
    .option('--all', 'also those that nobody holds and that are well')
    .action((flags: AdminFlags & { readonly all?: boolean }) => run(() => show(flags)));
  addRelayWays(noun);
}

async function show(flags: AdminFlags & { readonly all?: boolean }): Promise<void> {
  const answer = await clientOf(flags).request('GET', '/admin/relays');
  if (flags.json === true) return printJson(answer);
  const relays = listOf(answer, 'relays');
  const shown = flags.all === true ? relays : relays.filter(isNoteworthy);
  if (shown.length === 0) return print(`nobody holds one of ${relays.length} relays, and all are well`);
  printRecords(COLUMNS, shown.map(toRow));
}

function isNoteworthy(relay: Record<string, unknown>): boolean {
  const { holder, attached, recovered, unsettled, halted } = relay;
  return holder !== null || attached !== 0 || recovered !== true || unsettled !== 0 || halted !== null;
}

function toRow(relay: Record<string, unknown>): Record<string, unknown> {
  const ledger = recordOf(relay['ledger']);
  const halted = relay['halted'] === null ? null : recordOf(relay['halted'])['why'];
  return { ...relay, ledger_offset: ledger['offset'], ledger_seq: ledger['seq'], halted };
}
