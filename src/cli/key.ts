import type { Command } from 'commander';
import { listOf, print, printJson, printTable, recordOf } from './output';
import { clientOf, run } from './run';
import type { AdminFlags } from './run';

interface CreateFlags extends AdminFlags {
  readonly label?: string;
  readonly scopes?: readonly string[];
}

/** Adds `outboxctl key`. */
export function registerKey(program: Command): void {
  const key = program.command('key').description("tenants' API keys");
  key
    .command('create <tenant>')
    .description('create another key, which is shown this once (to replace one: create, deploy, revoke the old one)')
    .option('--label <text>', 'what the key is for')
    .option('--scopes <names...>', 'ingest, read (default: both)')
    .option('--url <url>', 'admin API (default: OUTBOX_ADMIN_URL)')
    .option('--json', 'print JSON')
    .action((tenant: string, flags: CreateFlags) => run(() => create(tenant, flags)));
  key
    .command('revoke <tenant> <keyId>')
    .description('revoke a key; it stops working within 5 seconds')
    .option('--url <url>', 'admin API (default: OUTBOX_ADMIN_URL)')
    .option('--json', 'print JSON')
    .action((tenant: string, keyId: string, flags: AdminFlags) => run(() => revoke(tenant, keyId, flags)));
  key
    .command('ls <tenant>')
    .description("list a tenant's keys, without their secrets")
    .option('--url <url>', 'admin API (default: OUTBOX_ADMIN_URL)')
    .option('--json', 'print JSON')
    .action((tenant: string, flags: AdminFlags) => run(() => list(tenant, flags)));
}

const path = (tenant: string): string => `/admin/tenants/${encodeURIComponent(tenant)}/keys`;

async function create(tenant: string, flags: CreateFlags): Promise<void> {
  const { label, scopes } = flags;
  const answer = recordOf(await clientOf(flags).request('POST', path(tenant), { label, scopes }));
  if (flags.json === true) return printJson(answer);
  print(`tenant  ${String(answer['tenant'])}`);
  print(`key id  ${String(answer['key_id'])}`);
  print(`key     ${String(answer['key'])}`);
  process.stderr.write('Keep the key: it is stored as a hash only and cannot be shown again.\n');
}

async function revoke(tenant: string, keyId: string, flags: AdminFlags): Promise<void> {
  await clientOf(flags).request('DELETE', `${path(tenant)}/${encodeURIComponent(keyId)}`);
  if (flags.json === true) return printJson({ tenant, key_id: keyId, revoked: true });
  print(`revoked ${keyId} of ${tenant}`);
}

async function list(tenant: string, flags: AdminFlags): Promise<void> {
  const keys = listOf(await clientOf(flags).request('GET', path(tenant)), 'keys');
  if (flags.json === true) return printJson({ tenant, keys });
  const columns = ['key_id', 'label', 'scopes', 'last_four', 'created_at', 'revoked_at', 'last_used_at'];
  printTable(
    columns,
    keys.map((key) => columns.map((column) => key[column])),
  );
}
