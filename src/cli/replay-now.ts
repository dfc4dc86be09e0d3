import type { Command } from 'commander';
import { eventIds, past, positive, replayId, tenant } from './arguments';
import { finalCommand, printDryRun } from './command';
import type { FinalFlags } from './command';
import { countText } from './counts';
import { replayableOption } from './event-filter';
import { print, printJson, printRecords, recordOf } from './output';
import { list, path } from './pages';
import { printRefused } from './refused';
import { clientOf, run } from './run';

interface IdsFlags extends FinalFlags {
  readonly tenant?: string;
  readonly replayId?: string;
}

interface TenantFlags extends FinalFlags {
  readonly status: string;
  readonly topic?: string;
  readonly before?: string;
  readonly limit: number;
}

const COLUMNS = ['id', 'status', 'topic', 'type', 'key', 'error_code'];

/** Adds `outboxctl replay ids` and `replay tenant`: a small replay without a plan. */
export function registerReplayNow(noun: Command): void {
  finalCommand(noun, 'ids', 'replay these events now (failed ones go back to pending), at most 1,000')
    .argument('<ids...>', 'ids of events', eventIds)
    .option('--tenant <tenant>', 'only of this tenant', tenant)
    .option('--replay-id <id>', 'the same id again has no second effect', replayId)
    .action((ids: readonly string[], flags: IdsFlags) => run(() => replayIds(ids, flags)));
  finalCommand(noun, 'tenant', 'replay the oldest events of a status now')
    .argument('<tenant>', 'tenant', tenant)
    .addOption(replayableOption('of which status').default('failed'))
    .option('--topic <text>', 'only topics that contain this')
    .option('--before <when>', 'only created before', past)
    .option('--limit <n>', 'most events, up to 1000', positive, 100)
    .action((name: string, flags: TenantFlags) => run(() => replayTenant(name, flags)));
}

async function replayIds(ids: readonly string[], flags: IdsFlags): Promise<void> {
  if (flags.yes !== true) return wouldReplayIds([...new Set(ids)], flags);
  const body = {
    event_ids: ids,
    ...(flags.tenant !== undefined && { tenant_id: flags.tenant }),
    ...(flags.replayId !== undefined && { replay_id: flags.replayId }),
    why: flags.why,
  };
  const answer = recordOf(await clientOf(flags).request('POST', '/admin/outbox/replay', body));
  if (flags.json === true) printJson(answer);
  else {
    const replays = Array.isArray(answer['replay_ids']) ? answer['replay_ids'].map(String) : [];
    print(`replayed ${String(answer['replayed'])} events${replays.length > 0 ? ` as ${replays.join(', ')}` : ''}`);
  }
  printRefused(answer);
}

/** Ids are looked up where the tenant is named: without it the service alone knows how to find them. */
async function wouldReplayIds(ids: readonly string[], flags: IdsFlags): Promise<void> {
  const { tenant: name } = flags;
  if (name === undefined) {
    const would = `publish ${ids.length} events again, of whatever tenants they are (name --tenant to see them)`;
    return printDryRun(flags, would, { event_ids: ids });
  }
  const client = clientOf(flags);
  const events: Record<string, unknown>[] = [];
  for (const id of ids) events.push(recordOf(await client.request('GET', path`/admin/outbox/events/${name}/${id}`)));
  if (flags.json !== true) printRecords(COLUMNS, events);
  printDryRun(flags, `publish ${events.length} events of ${name} again`, { tenant_id: name, events });
}

async function replayTenant(name: string, flags: TenantFlags): Promise<void> {
  if (flags.yes !== true) return wouldReplayTenant(name, flags);
  const body = {
    tenant_id: name,
    status: flags.status,
    limit: flags.limit,
    ...(flags.topic !== undefined && { topic_filter: flags.topic }),
    ...(flags.before !== undefined && { before_timestamp: flags.before }),
    why: flags.why,
  };
  const answer = recordOf(await clientOf(flags).request('POST', '/admin/outbox/replay/tenant', body));
  if (flags.json === true) return printJson(answer);
  print(`replayed ${String(answer['replayed'])} ${flags.status} events of ${name} as ${String(answer['replay_id'])}`);
}

/** The same list, in the same order, as the service would take its events from. */
async function wouldReplayTenant(name: string, flags: TenantFlags): Promise<void> {
  const query = { tenant: name, status: flags.status, topic: flags.topic, before: flags.before };
  const { rows, answer } = await list(clientOf(flags), '/admin/outbox', 'events', query, Math.min(flags.limit, 1_000));
  if (flags.json !== true && rows.length > 0) printRecords(COLUMNS, rows);
  const would = `publish ${rows.length} of ${countText(answer['total'])} ${flags.status} events of ${name} again`;
  printDryRun(flags, would, { tenant_id: name, status: flags.status, events: rows });
}
