import type { Command } from 'commander';
import { tenant } from './arguments';
import { changeCommand, finalCommand, listCommand, printDone, printDryRun } from './command';
import type { ChangeFlags, FinalFlags, ListFlags } from './command';
import { listOf, print, printFields, printJson, printRecords, recordOf, without } from './output';
import { list, noteMore, path, queryOf } from './pages';
import { clientOf, run } from './run';
import type { AdminClient } from './admin-client';

const ABOUT = {
  adopt: 'Kafka tells the truth: what its topics hold counts as published, the row follows the ledger',
  resend: 'Postgres tells the truth: the ledger is set to the row, what is not settled is sent again, possibly twice',
} as const;

/** Adds `outboxctl halted`: publishers whose row and ledger contradict each other. */
export function registerHalted(program: Command): void {
  const noun = program
    .command('halted')
    .description('publishers and relays that stopped because Postgres and Kafka contradict each other');
  listCommand(noun, 'show', 'both sides of each halted publisher and relay')
    .argument('[tenant]', 'only of this tenant', tenant)
    .action((name: string | undefined, flags: ListFlags) => run(() => show(name, flags)));
  changeCommand(noun, 'recheck', 'compare again (the cause is mended), and go on if both sides agree')
    .argument('<tenant>', 'tenant', tenant)
    .action((name: string, flags: ChangeFlags) => run(() => choose(name, 'recheck', flags)));
  for (const choice of ['adopt', 'resend'] as const) {
    finalCommand(noun, choice, ABOUT[choice])
      .argument('<tenant>', 'tenant', tenant)
      .action((name: string, flags: FinalFlags) => run(() => choose(name, choice, flags)));
  }
}

async function haltedOf(client: AdminClient, name: string): Promise<readonly Record<string, unknown>[]> {
  return listOf(await client.request('GET', `/admin/halted${queryOf({ tenant: name })}`), 'halted');
}

async function show(name: string | undefined, flags: ListFlags): Promise<void> {
  const query = { tenant: name, cursor: flags.cursor };
  const listed = await list(clientOf(flags), '/admin/halted', 'halted', query, flags.limit);
  if (flags.json === true) return printJson(listed.answer);
  const relays = listOf(listed.answer, 'relays');
  if (listed.rows.length === 0 && relays.length === 0) return print('nothing is halted');
  for (const relay of relays) printRelay(relay);
  for (const row of listed.rows) printSides(row);
  noteMore(listed);
}

function printSides(row: Record<string, unknown>): void {
  const postgres = recordOf(row['postgres']);
  printFields({ ...row, postgres: without(postgres, 'batches') });
  const batches = listOf(postgres, 'batches');
  if (batches.length > 0) printRecords(['seq', 'batch_id', 'events', 'recorded_at', 'settled_at'], batches);
  print('');
}

/** Its halt's text has both sides. */
function printRelay(relay: Record<string, unknown>): void {
  const { why, since } = recordOf(relay['halted']) as { why?: unknown; since?: unknown };
  const { fence, recovered_on, ledger, attached, moved_at } = relay;
  printFields({ relay: relay['relay'], why, since, postgres: { ledger, fence, recovered_on, moved_at }, attached });
  print('');
}

async function choose(
  name: string,
  choice: 'recheck' | keyof typeof ABOUT,
  flags: ChangeFlags & { readonly yes?: boolean },
): Promise<void> {
  const client = clientOf(flags);
  if (choice !== 'recheck' && flags.yes !== true) {
    const halted = await haltedOf(client, name);
    if (halted.length === 0)
      return printDryRun(flags, `${choice} nothing: ${name} is not halted`, { tenant_id: name, halted });
    if (flags.json !== true) halted.forEach(printSides);
    return printDryRun(flags, `${choice} ${name}: ${ABOUT[choice]}`, { tenant_id: name, halted });
  }
  const answer = await client.request('POST', path`/admin/halted/${name}`, { choice, why: flags.why });
  printDone(flags, answer, `${choice} of ${name} accepted; outboxctl halted show ${name} says whether it goes on`);
}
