import type { Command } from 'commander';
import { tenant } from './arguments';
import { listCommand } from './command';
import type { ListFlags } from './command';
import { countText } from './counts';
import { listOf, note, printJson, printRecords } from './output';
import { list, noteMore } from './pages';
import { clientOf, run } from './run';

interface UndeliveredFlags extends ListFlags {
  readonly tenant?: string;
}

const COUNTS = ['pending_count', 'published_count', 'failed_count', 'skipped_count', 'total_count'];

/** Adds `outboxctl summary` and `outboxctl undelivered`: what there is, and why the rest is not there yet. */
export function registerSummary(program: Command): void {
  listCommand(program, 'summary', 'events of each tenant by status').action((flags: ListFlags) =>
    run(() => summary(flags)),
  );
  listCommand(program, 'undelivered', 'events that are not published, by the reason they wait; --limit counts tenants')
    .option('--tenant <tenant>', 'only of this tenant', tenant)
    .action((flags: UndeliveredFlags) => run(() => undelivered(flags)));
}

async function summary(flags: ListFlags): Promise<void> {
  const query = { cursor: flags.cursor };
  const listed = await list(clientOf(flags), '/admin/outbox/summary', 'tenants', query, flags.limit);
  if (flags.json === true) return printJson(listed.answer);
  printRecords(['tenant_id', ...COUNTS, 'oldest_pending_at'], listed.rows);
  const total = (status: string): string => `${String(listed.answer[`total_${status}`])} ${status}`;
  const capped = listed.answer['exact'] === false ? ' (counting ended at its bound: at least so many)' : '';
  const parts = ['pending', 'published', 'failed', 'skipped'].map(total).join(', ');
  note(`${String(listed.answer['total_tenants'])} tenants: ${parts}${capped}`);
  noteMore(listed);
}

async function undelivered(flags: UndeliveredFlags): Promise<void> {
  const query = { tenant: flags.tenant, cursor: flags.cursor };
  const listed = await list(clientOf(flags), '/admin/outbox/undelivered', 'tenants', query, flags.limit);
  if (flags.json === true) return printJson(listed.answer);
  const reasons = listed.rows.flatMap((row) =>
    listOf(row, 'reasons').map((reason): Record<string, unknown> => ({
      tenant_id: row['tenant_id'],
      ...reason,
      count: countText(reason),
    })),
  );
  printRecords(['tenant_id', 'reason', 'count', 'topic', 'error_code', 'oldest_at'], reasons);
  noteMore(listed);
}
