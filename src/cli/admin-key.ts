import type { Command } from 'commander';
import { future, identifier, tenant } from './arguments';
import { createCommand, finalCommand, listCommand, printDryRun } from './command';
import type { FinalFlags, ListFlags, MaybeWhyFlags } from './command';
import { listOf, note, print, printJson, printRecords, recordOf } from './output';
import { PAGE, list, noteMore, pages, path } from './pages';
import { clientOf, run } from './run';

interface CreateFlags extends MaybeWhyFlags {
  readonly scopes: readonly string[];
  readonly tenant?: string;
  readonly expires?: string;
}

const COLUMNS = ['key_id', 'label', 'scopes', 'tenant', 'created_at', 'expires_at', 'revoked_at'];

/** Adds `outboxctl admin-key`. */
export function registerAdminKey(program: Command): void {
  const noun = program.command('admin-key').description("operators' keys of the admin API");
  createCommand(noun, 'create <label>', 'create an admin key, which is shown this once')
    .requiredOption('--scopes <names...>', 'read, payload, replay, operate, admin')
    .option('--tenant <tenant>', 'only for this tenant', tenant)
    .option('--expires <when>', 'a time with its zone, or a duration from now such as 90d', future)
    .action((label: string, flags: CreateFlags) => run(() => create(label, flags)));
  listCommand(noun, 'ls', 'list the admin keys, without their secrets').action((flags: ListFlags) =>
    run(() => show(flags)),
  );
  finalCommand(noun, 'revoke', 'revoke an admin key')
    .argument('<keyId>', 'id of the key', identifier)
    .action((keyId: string, flags: FinalFlags) => run(() => revoke(keyId, flags)));
}

async function create(label: string, flags: CreateFlags): Promise<void> {
  const body = {
    label,
    // `--scopes read,replay` and `--scopes read replay` are both what people write.
    scopes: flags.scopes.flatMap((names) => names.split(',')),
    ...(flags.tenant !== undefined && { tenant: flags.tenant }),
    ...(flags.expires !== undefined && { expires_at: flags.expires }),
    ...(flags.why !== undefined && { why: flags.why }),
  };
  const answer = recordOf(await clientOf(flags).request('POST', '/admin/keys', body));
  if (flags.json === true) return printJson(answer);
  print(`key id  ${String(answer['key_id'])}`);
  print(`key     ${String(answer['key'])}`);
  note('Keep the key: it is stored as a hash only and cannot be shown again.');
}

async function show(flags: ListFlags): Promise<void> {
  const listed = await list(clientOf(flags), '/admin/keys', 'keys', { cursor: flags.cursor }, flags.limit);
  if (flags.json === true) return printJson(listed.answer);
  printRecords(COLUMNS, listed.rows);
  noteMore(listed);
}

async function revoke(keyId: string, flags: FinalFlags): Promise<void> {
  const client = clientOf(flags);
  if (flags.yes !== true) {
    const found: Record<string, unknown>[] = [];
    for await (const page of pages(client, '/admin/keys', { limit: PAGE })) {
      found.push(...listOf(page, 'keys').filter((one) => one['key_id'] === keyId));
    }
    const [key = null] = found;
    if (key !== null && flags.json !== true) printRecords(COLUMNS, [key]);
    return printDryRun(flags, key === null ? `revoke nothing: there is no admin key ${keyId}` : `revoke ${keyId}`, {
      key,
    });
  }
  await client.request('DELETE', path`/admin/keys/${keyId}`, { why: flags.why });
  if (flags.json === true) return printJson({ key_id: keyId, revoked: true });
  print(`revoked ${keyId}`);
}
