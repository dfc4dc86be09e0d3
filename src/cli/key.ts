import type { Command } from 'commander';
import { identifier, tenant } from './arguments';
import { adminCommand, createCommand, finalCommand, printDryRun } from './command';
import type { FinalFlags, MaybeWhyFlags } from './command';
import { listOf, note, print, printJson, printRecords, recordOf } from './output';
import { path } from './pages';
import { clientOf, run } from './run';
import type { AdminFlags } from './run';

interface CreateFlags extends MaybeWhyFlags {
  readonly label?: string;
  readonly scopes?: readonly string[];
}

const COLUMNS = ['key_id', 'label', 'scopes', 'last_four', 'created_at', 'revoked_at', 'last_used_at'];

/** Adds `outboxctl key`. */
export function registerKey(program: Command): void {
  const noun = program.command('key').description("tenants' API keys");
  createCommand(
    noun,
    'create',
    'create another key, which is shown this once (to replace one: create, deploy, revoke the old one)',
  )
    .argument('<tenant>', 'tenant', tenant)
    .option('--label <text>', 'what the key is for')
    .option('--scopes <names...>', 'ingest, read (default: both)')
    .action((name: string, flags: CreateFlags) => run(() => create(name, flags)));
  finalCommand(noun, 'revoke', 'revoke a key; it stops working within 5 seconds')
    .argument('<tenant>', 'tenant', tenant)
    .argument('<keyId>', 'id of the key', identifier)
    .action((name: string, keyId: string, flags: FinalFlags) => run(() => revoke(name, keyId, flags)));
  adminCommand(noun, 'ls', "list a tenant's keys, without their secrets")
    .argument('<tenant>', 'tenant', tenant)
    .action((name: string, flags: AdminFlags) => run(() => list(name, flags)));
}

async function create(name: string, flags: CreateFlags): Promise<void> {
  const { label, scopes, why } = flags;
  const body = { label, scopes, why };
  const answer = recordOf(await clientOf(flags).request('POST', path`/admin/tenants/${name}/keys`, body));
  if (flags.json === true) return printJson(answer);
  print(`tenant  ${String(answer['tenant'])}`);
  print(`key id  ${String(answer['key_id'])}`);
  print(`key     ${String(answer['key'])}`);
  note('Keep the key: it is stored as a hash only and cannot be shown again.');
}

async function revoke(name: string, keyId: string, flags: FinalFlags): Promise<void> {
  const client = clientOf(flags);
  if (flags.yes !== true) {
    const keys = listOf(await client.request('GET', path`/admin/tenants/${name}/keys`), 'keys');
    const key = keys.find((one) => one['key_id'] === keyId) ?? null;
    if (key !== null && flags.json !== true) printRecords(COLUMNS, [key]);
    return printDryRun(
      flags,
      key === null ? `revoke nothing: ${name} has no key ${keyId}` : `revoke ${keyId} of ${name}`,
      { tenant: name, key },
    );
  }
  await client.request('DELETE', path`/admin/tenants/${name}/keys/${keyId}`, { why: flags.why });
  if (flags.json === true) return printJson({ tenant: name, key_id: keyId, revoked: true });
  print(`revoked ${keyId} of ${name}`);
}

async function list(name: string, flags: AdminFlags): Promise<void> {
  const keys = listOf(await clientOf(flags).request('GET', path`/admin/tenants/${name}/keys`), 'keys');
  if (flags.json === true) return printJson({ tenant: name, keys });
  printRecords(COLUMNS, keys);
}
