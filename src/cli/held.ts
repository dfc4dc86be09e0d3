import type { Command } from 'commander';
import { tenant } from './arguments';
import { changeCommand, listCommand, printDone, printDryRun } from './command';
import type { FinalFlags, ListFlags } from './command';
import { countText } from './counts';
import { listOf, printJson, printTable, recordOf } from './output';
import { list, noteMore, pages } from './pages';
import { printRefused } from './refused';
import { clientOf, Failure, run } from './run';

interface ListHeldFlags extends ListFlags {
  readonly tenant?: string;
}

interface ReleaseFlags extends FinalFlags {
  readonly skip?: boolean;
}

/** Adds `outboxctl held`: ordering keys whose later events wait behind a parked one. */
export function registerHeld(program: Command): void {
  const noun = program.command('held').description('ordering keys that wait behind a parked event');
  listCommand(noun, 'ls', 'list held keys, and how many events wait behind each')
    .option('--tenant <tenant>', 'only of this tenant', tenant)
    .action((flags: ListHeldFlags) => run(() => show(flags)));
  changeCommand(
    noun,
    'release',
    'let a key flow again, in order: its parked events are tried again, or given up (--skip)',
  )
    .argument('<tenant>', 'tenant', tenant)
    .argument('<key>', 'ordering key')
    .option('--skip', 'give the parked events up; cannot be undone, needs --yes')
    .option('--yes', 'do it; without it, --skip only says what would happen')
    .action((name: string, key: string, flags: ReleaseFlags) => run(() => release(name, key, flags)));
}

async function show(flags: ListHeldFlags): Promise<void> {
  const query = { tenant: flags.tenant, cursor: flags.cursor };
  const listed = await list(clientOf(flags), '/admin/outbox/held', 'keys', query, flags.limit);
  if (flags.json === true) return printJson(listed.answer);
  printTable(
    ['tenant_id', 'key', 'parked_event_id', 'error_code', 'since', 'waiting'],
    listed.rows.map((row) => [
      row['tenant_id'],
      row['key'],
      row['parked_event_id'],
      row['error_code'],
      row['since'],
      countText(row['waiting']),
    ]),
  );
  noteMore(listed);
}

async function release(name: string, key: string, flags: ReleaseFlags): Promise<void> {
  const client = clientOf(flags);
  if (flags.skip === true && flags.yes !== true) {
    const held: Record<string, unknown>[] = [];
    for await (const page of pages(client, '/admin/outbox/held', { tenant: name })) {
      held.push(...listOf(page, 'keys').filter((row) => row['key'] === key));
    }
    const waiting =
      held[0] === undefined ? 'it is not held now' : `${countText(held[0]['waiting'])} events wait behind it`;
    return printDryRun(flags, `skip the parked events of key ${key} of ${name} (${waiting})`, {
      tenant_id: name,
      held,
    });
  }
  const action = flags.skip === true ? 'skip' : 'retry';
  const body = { tenant_id: name, key, action, why: flags.why };
  const answer = recordOf(await client.request('POST', '/admin/outbox/release', body));
  const done = action === 'skip' ? 'skipped' : 'pending again';
  const free = answer['released'] !== false;
  const line = free ? `released key ${key}` : `key ${key} is still held`;
  printDone(flags, answer, `${line} of ${name}: ${String(answer['events'])} parked events ${done}`);
  printRefused(answer);
  if (!free) throw new Failure('Parked events of the key are left. Release it once more.');
}
