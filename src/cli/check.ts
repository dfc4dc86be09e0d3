import type { Command } from 'commander';
import type { AdminClient } from './admin-client';
import { count, span, tenant } from './arguments';
import { judge } from './backlog';
import type { Backlog, Bounds } from './backlog';
import { adminCommand } from './command';
import { countText } from './counts';
import { statusOption } from './event-filter';
import { listOf, note, print, printJson, printTable } from './output';
import { PAGE, pages } from './pages';
import { clientOf, EXIT, Failure, run } from './run';
import type { AdminFlags } from './run';

interface Flags extends AdminFlags {
  readonly status: string;
  readonly tenant?: string;
  readonly maxPending?: number;
  readonly maxAge?: number;
}

const DEFAULT_BOUND = 100;

/** Adds `outboxctl check`, for monitoring and pipelines: the service counts, nothing is downloaded. */
export function registerCheck(program: Command): void {
  const command = adminCommand(program, 'check', 'exit with 3 if any tenant has more, or older, events than the bounds')
    .addOption(statusOption('which events are counted').default('pending'))
    .option('--tenant <tenant>', 'only this tenant', tenant)
    .option(
      '--max-pending <n>',
      `most events of a tenant (default: ${DEFAULT_BOUND}, unless --max-age is given)`,
      count,
    )
    .option('--max-age <span>', 'greatest age of a pending event, such as 5m', span);
  command.action((flags: Flags) => {
    if (flags.maxAge !== undefined && flags.status !== 'pending') {
      command.error(
        'error: --max-age goes with --status pending: only waiting events have an age. Leave one of them out.',
      );
    }
    return run(() => check(flags));
  });
}

async function check(flags: Flags): Promise<void> {
  const client = clientOf(flags);
  const bounds: Bounds = {
    maxEvents: flags.maxPending ?? (flags.maxAge === undefined ? DEFAULT_BOUND : null),
    maxAgeMs: flags.maxAge ?? null,
  };
  const now = (await client.now()).getTime();
  let checked = 0;
  const above: Backlog[] = [];
  const undecided: Backlog[] = [];
  for await (const backlog of backlogs(client, flags)) {
    checked += 1;
    const verdict = judge(backlog, bounds, now);
    if (verdict === 'above') above.push(backlog);
    if (verdict === 'undecided') undecided.push(backlog);
  }
  if (flags.tenant !== undefined && checked === 0) {
    throw new Failure(`There is no tenant ${flags.tenant}. Create it first.`);
  }
  report(flags, bounds, checked, above);
  if (above.length > 0) process.exitCode = EXIT.above;
  else if (undecided.length > 0) {
    const names = undecided.map((backlog) => `${backlog.tenant} (${countText(backlog.events)})`).join(', ');
    throw new Failure(`The service stops counting before the bound: ${names}. Choose a lower --max-pending.`);
  }
}

function report(flags: Flags, bounds: Bounds, checked: number, above: readonly Backlog[]): void {
  const rows = above.map(({ tenant: name, events, oldestAt }) => ({ tenant_id: name, ...events, oldest_at: oldestAt }));
  if (flags.json === true) {
    const limits = {
      max_pending: bounds.maxEvents,
      max_age_seconds: bounds.maxAgeMs === null ? null : bounds.maxAgeMs / 1_000,
    };
    return printJson({ within: above.length === 0, status: flags.status, checked, ...limits, above: rows });
  }
  if (above.length === 0) return print(`within the bounds: ${checked} tenants`);
  printTable(
    ['tenant', flags.status, 'oldest'],
    above.map((backlog) => [backlog.tenant, countText(backlog.events), backlog.oldestAt]),
  );
  note(`${above.length} of ${checked} tenants are above the bounds`);
}

async function* backlogs(client: AdminClient, flags: Flags): AsyncGenerator<Backlog> {
  const query = { tenant: flags.tenant, limit: PAGE };
  for await (const page of pages(client, '/admin/outbox/summary', query)) {
    for (const row of listOf(page, 'tenants')) yield backlogOf(row, flags.status);
  }
}

/** Counting ends at this bound. Below it only the count of published events may be short: they have no index of their own. */
const CAP = 10_000;

function backlogOf(row: Record<string, unknown>, status: string): Backlog {
  const events = Number(row[`${status}_count`]);
  const indexed = status !== 'published' && status !== 'sent';
  return {
    tenant: String(row['tenant_id']),
    events: { count: events, exact: row['exact'] !== false || (indexed && events < CAP) },
    oldestAt: status === 'pending' ? textOrNull(row['oldest_pending_at']) : null,
  };
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
