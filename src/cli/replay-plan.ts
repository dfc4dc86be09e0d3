import type { Command } from 'commander';
import { eventIds, tenant } from './arguments';
import { adminCommand } from './command';
import { addFilters, planFilter, replayableOption } from './event-filter';
import type { FilterFlags } from './event-filter';
import { listOf, note, printFields, printJson, printRecords, recordOf, without } from './output';
import { clientOf, run } from './run';
import type { AdminFlags } from './run';

interface Flags extends AdminFlags, FilterFlags {
  readonly ids?: readonly string[];
}

/** Adds `outboxctl replay plan`: counts and pins what a replay would publish again; publishes nothing. */
export function registerPlan(noun: Command): void {
  const command = adminCommand(noun, 'plan', 'count what a replay would publish again; publishes nothing')
    .argument('<tenant>', 'tenant', tenant)
    .option('--ids <ids...>', 'these events, instead of a filter', eventIds)
    .addOption(replayableOption('only of this status (default: published and failed)'));
  addFilters(command, 'only of this topic').action((name: string, flags: Flags) => {
    const filtered = Object.keys(planFilter(flags)).length > 0;
    // "Everything that the tenant ever published" has to be said, not left out.
    if (filtered === (flags.ids !== undefined)) command.error('error: give --ids or at least one filter, not both.');
    return run(() => plan(name, flags));
  });
}

async function plan(name: string, flags: Flags): Promise<void> {
  const what = flags.ids === undefined ? { filter: planFilter(flags) } : { event_ids: flags.ids };
  const answer = recordOf(await clientOf(flags).request('POST', '/admin/replays/plan', { tenant_id: name, ...what }));
  if (flags.json === true) return printJson(answer);
  printFields(without(answer, 'sample'));
  const sample = listOf(answer, 'sample');
  if (sample.length > 0) printRecords(['id', 'status', 'topic', 'type', 'key', 'created_at'], sample);
  note(`To start it: outboxctl replay start ${String(answer['plan_id'])} --expect ${String(answer['count'])} --why …`);
}
