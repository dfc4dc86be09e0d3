import type { Command } from 'commander';
import { future, tenant } from './arguments';
import { adminCommand, changeCommand, printDone } from './command';
import type { ChangeFlags } from './command';
import { listOf, print, printFields, printJson, printRecords, recordOf } from './output';
import { PAGE, pages, path } from './pages';
import { clientOf, run } from './run';
import type { AdminFlags } from './run';

interface PauseFlags extends ChangeFlags {
  readonly all?: boolean;
  readonly until?: string;
}

/** Adds `outboxctl pause`, `resume` and `paused`. Events are accepted all the time; only publishing stops. */
export function registerPause(program: Command): void {
  target(program, 'pause', 'stop publishing of a tenant, or of all (--all)').option(
    '--until <when>',
    'go on by itself at this time (with its zone), or after a duration such as 30m',
    future,
  );
  target(program, 'resume', 'publish again: a tenant, or end the pause of everything (--all)');
  adminCommand(program, 'paused', 'what is paused').action((flags: AdminFlags) => run(() => show(flags)));
}

function target(program: Command, action: 'pause' | 'resume', about: string): Command {
  const command = changeCommand(program, action, about)
    .argument('[tenant]', 'tenant', tenant)
    .option('--all', 'everything');
  return command.action((name: string | undefined, flags: PauseFlags) => {
    // Neither is "all" by omission: a forgotten argument must not stop everybody.
    if ((name === undefined) === (flags.all !== true)) command.error('error: give a tenant, or --all.');
    return run(() => act(action, name, flags));
  });
}

async function act(action: 'pause' | 'resume', name: string | undefined, flags: PauseFlags): Promise<void> {
  const route = name === undefined ? `/admin/${action}` : `${path`/admin/tenants/${name}`}/${action}`;
  const body = { why: flags.why, ...(flags.until !== undefined && { until: flags.until }) };
  const answer = await clientOf(flags).request('POST', route, body);
  const until = flags.until === undefined ? '' : ` until ${flags.until}`;
  printDone(flags, answer, `${action}d ${name ?? 'everything'}${until}`);
}

async function show(flags: AdminFlags): Promise<void> {
  const client = clientOf(flags);
  const everything = recordOf(await client.request('GET', '/admin/pause'));
  const publishers: Record<string, unknown>[] = [];
  for await (const page of pages(client, '/admin/publishers', { state: 'paused', limit: PAGE })) {
    publishers.push(...listOf(page, 'publishers'));
  }
  if (flags.json === true) return printJson({ everything, publishers });
  printFields(everything);
  if (publishers.length === 0) return print('no publisher is paused by itself');
  printRecords(['tenant_id', 'destination', 'shard', 'paused', 'state_until'], publishers);
}
