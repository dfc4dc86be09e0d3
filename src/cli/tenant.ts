import type { Command } from 'commander';
import { Option } from 'commander';
import { positive, tenant, topics, weight } from './arguments';
import { adminCommand, changeCommand, createCommand, finalCommand, printDone, printDryRun } from './command';
import type { ChangeFlags, FinalFlags, MaybeWhyFlags } from './command';
import { countText } from './counts';
import { listOf, note, print, printFields, printJson, printTable, recordOf } from './output';
import { path, queryOf } from './pages';
import { clientOf, run } from './run';
import type { AdminFlags } from './run';

interface DeleteFlags extends FinalFlags {
  readonly force?: boolean;
}

interface SettingsFlags extends AdminFlags {
  readonly onPoison?: string;
  readonly weight?: number;
  readonly maxAttempts?: number;
  readonly plainKey?: readonly string[];
  readonly retention?: string;
  readonly why?: string;
}

/** Adds `outboxctl tenant`. */
export function registerTenant(program: Command): void {
  const noun = program.command('tenant').description('tenants of the service');
  createCommand(noun, 'create <name>', 'create a tenant and its first key, which is shown this once').action(
    (name: string, flags: MaybeWhyFlags) => run(() => create(name, flags)),
  );
  adminCommand(noun, 'ls', 'list the tenants').action((flags: AdminFlags) => run(() => list(flags)));
  changeCommand(noun, 'suspend', 'refuse new events over HTTP; what was accepted is still published')
    .argument('<tenant>', 'tenant', tenant)
    .action((name: string, flags: ChangeFlags) => run(() => change(name, 'suspend', 'suspended', flags)));
  changeCommand(noun, 'reactivate', 'accept new events again')
    .argument('<tenant>', 'tenant', tenant)
    .action((name: string, flags: ChangeFlags) => run(() => change(name, 'reactivate', 'reactivated', flags)));
  finalCommand(noun, 'delete', 'delete a tenant with its events and keys; refused while anything is unpublished')
    .argument('<tenant>', 'tenant', tenant)
    .option('--force', 'also delete what is unpublished: these events are lost')
    .action((name: string, flags: DeleteFlags) => run(() => remove(name, flags)));
  settingsCommand(noun);
}

function settingsCommand(noun: Command): void {
  const command = adminCommand(noun, 'settings', "show a tenant's settings, or change those that are given")
    .argument('<tenant>', 'tenant', tenant)
    .addOption(
      new Option(
        '--on-poison <what>',
        'when an event of a key is parked: later ones of the key wait, or go on',
      ).choices(['hold-key', 'skip']),
    )
    .option('--weight <n>', 'share of the slots while tenants wait for each other', weight)
    .option('--max-attempts <n>', 'refusals of one event until it is parked', positive)
    .option('--plain-key <topics>', 'topics whose message key is the ordering key alone; * = all, none = none', topics)
    .option('--retention <span>', 'how long published and skipped events are kept, such as 30d; none = the default')
    .option('--why <text>', 'the reason, for the change log; needed with a change')
    .action((name: string, flags: SettingsFlags) => {
      const changes = changesOf(flags);
      if (Object.keys(changes).length > 0 && flags.why === undefined) command.error('error: a change needs --why.');
      return run(() => settings(name, changes, flags));
    });
}

async function create(name: string, flags: MaybeWhyFlags): Promise<void> {
  const body = { name, why: flags.why };
  const { tenant: created, key } = recordOf(await clientOf(flags).request('POST', '/admin/tenants', body));
  if (flags.json === true) return printJson({ tenant: created, key });
  print(`tenant  ${String(created)}`);
  print(`key     ${String(key)}`);
  note('Keep the key: it is stored as a hash only and cannot be shown again.');
}

async function list(flags: AdminFlags): Promise<void> {
  const client = clientOf(flags);
  const tenants: Record<string, unknown>[] = [];
  let after: unknown = null;
  do {
    const page = await client.request(
      'GET',
      `/admin/tenants${queryOf({ after: typeof after === 'string' ? after : undefined })}`,
    );
    tenants.push(...listOf(page, 'tenants'));
    after = recordOf(page)['next'];
  } while (typeof after === 'string');
  if (flags.json === true) return printJson({ tenants });
  printTable(
    ['tenant', 'status', 'created'],
    tenants.map((row) => [row['tenant'], row['status'], row['created_at']]),
  );
}

async function change(name: string, action: string, done: string, flags: ChangeFlags): Promise<void> {
  const answer = await clientOf(flags).request('POST', `${path`/admin/tenants/${name}`}/${action}`, { why: flags.why });
  printDone(flags, answer, `${done} ${name}`);
}

async function remove(name: string, flags: DeleteFlags): Promise<void> {
  const client = clientOf(flags);
  if (flags.yes === true) {
    const route = path`/admin/tenants/${name}` + queryOf({ force: flags.force });
    const answer = await client.request('DELETE', route, { why: flags.why });
    return printDone(flags, answer ?? { tenant_id: name, deleted: true }, `deleted ${name}`);
  }
  const counts: Record<string, unknown> = {};
  for (const status of ['pending', 'failed', 'published', 'skipped']) {
    const route = path`/admin/outbox/tenant/${name}` + queryOf({ status, limit: 1 });
    counts[status] = recordOf(await client.request('GET', route))['total'];
  }
  const texts = Object.entries(counts).map(([status, total]) => `${countText(total)} ${status}`);
  const condition = flags.force === true ? 'unpublished events included' : 'refused if any is pending or failed';
  printDryRun(flags, `delete tenant ${name} with its events (${texts.join(', ')}) and keys; ${condition}`, {
    tenant_id: name,
    events: counts,
  });
}

function changesOf(flags: SettingsFlags): Record<string, unknown> {
  return {
    ...(flags.onPoison !== undefined && { on_poison: flags.onPoison }),
    ...(flags.weight !== undefined && { weight: flags.weight }),
    ...(flags.maxAttempts !== undefined && { max_attempts: flags.maxAttempts }),
    ...(flags.plainKey !== undefined && { plain_key: flags.plainKey }),
    ...(flags.retention !== undefined && { retention: flags.retention === 'none' ? null : flags.retention }),
  };
}

async function settings(name: string, changes: Record<string, unknown>, flags: SettingsFlags): Promise<void> {
  const client = clientOf(flags);
  const route = path`/admin/tenants/${name}/settings`;
  const answer =
    Object.keys(changes).length === 0
      ? await client.request('GET', route)
      : await client.request('PATCH', route, { ...changes, why: flags.why });
  if (flags.json === true) return printJson(answer);
  printFields(recordOf(answer));
}
