import type { Command } from 'commander';
import { listOf, print, printJson, printTable, recordOf } from './output';
import { clientOf, run } from './run';
import type { AdminFlags } from './run';

/** Adds `outboxctl tenant`. */
export function registerTenant(program: Command): void {
  const tenant = program.command('tenant').description('tenants of the service');
  tenant
    .command('create <name>')
    .description('create a tenant and its first key, which is shown this once')
    .option('--url <url>', 'admin API (default: OUTBOX_ADMIN_URL)')
    .option('--json', 'print { tenant, key }')
    .action((name: string, flags: AdminFlags) => run(() => create(name, flags)));
  tenant
    .command('ls')
    .description('list the tenants')
    .option('--url <url>', 'admin API (default: OUTBOX_ADMIN_URL)')
    .option('--json', 'print JSON')
    .action((flags: AdminFlags) => run(() => list(flags)));
}

async function create(name: string, flags: AdminFlags): Promise<void> {
  const { tenant, key } = recordOf(await clientOf(flags).request('POST', '/admin/tenants', { name }));
  if (flags.json === true) return printJson({ tenant, key });
  print(`tenant  ${String(tenant)}`);
  print(`key     ${String(key)}`);
  process.stderr.write('Keep the key: it is stored as a hash only and cannot be shown again.\n');
}

async function list(flags: AdminFlags): Promise<void> {
  const client = clientOf(flags);
  const tenants: Record<string, unknown>[] = [];
  let after: unknown = null;
  do {
    const page = await client.request(
      'GET',
      `/admin/tenants${typeof after === 'string' ? `?after=${encodeURIComponent(after)}` : ''}`,
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
