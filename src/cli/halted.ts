import type { Command } from 'commander';
import { adminCommand } from './command';
import { listOf, print, printJson, recordOf } from './output';
import { printHaltedRelay } from './relay-ways';
import { clientOf, run } from './run';
import type { AdminFlags } from './run';

/** Adds `outboxctl halted`: relays whose row and ledger contradict each other. */
export function registerHalted(program: Command): void {
  const noun = program
    .command('halted')
    .description('relays that stopped because Postgres and Kafka contradict each other');
  adminCommand(noun, 'show', 'both sides of each halted relay').action((flags: AdminFlags) => run(() => show(flags)));
}

async function show(flags: AdminFlags): Promise<void> {
  const answer = recordOf(await clientOf(flags).request('GET', '/admin/halted'));
  if (flags.json === true) return printJson(answer);
  const relays = listOf(answer, 'relays');
  if (relays.length === 0) return print('nothing is halted');
  for (const relay of relays) printHaltedRelay(relay);
}
