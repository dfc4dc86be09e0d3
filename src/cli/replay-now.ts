import type { Command } from 'commander';
import { eventIds, past, positive, replayId, tenant } from './arguments';
import { adminCommand } from './command';
import { replayableOption } from './event-filter';
import { print, printJson, recordOf } from './output';
import { printRefused } from './refused';
import { clientOf, run } from './run';
import type { AdminFlags } from './run';

interface IdsFlags extends AdminFlags {
  readonly tenant?: string;
  readonly replayId?: string;
  readonly why?: string;
}

interface TenantFlags extends AdminFlags {
  readonly status: string;
  readonly topic?: string;
  readonly before?: string;
  readonly limit: number;
  readonly why?: string;
}

/** Adds `outboxctl replay ids` and `replay tenant`: a small replay without a plan. */
export function registerReplayNow(noun: Command): void {
  adminCommand(noun, 'ids', 'replay these events now (failed ones go back to pending), at most 1,000')
    .argument('<ids...>', 'ids of events', eventIds)
    .option('--tenant <tenant>', 'only of this tenant', tenant)
    .option('--replay-id <id>', 'the same id again has no second effect', replayId)
    .option('--why <text>', 'the reason, for the change log')
    .action((ids: readonly string[], flags: IdsFlags) => run(() => replayIds(ids, flags)));
  adminCommand(noun, 'tenant', 'replay the oldest events of a status now')
    .argument('<tenant>', 'tenant', tenant)
    .addOption(replayableOption('of which status').default('failed'))
    .option('--topic <text>', 'only topics that contain this')
    .option('--before <when>', 'only created before', past)
    .option('--limit <n>', 'most events, up to 1000', positive, 100)
    .option('--why <text>', 'the reason, for the change log')
    .action((name: string, flags: TenantFlags) => run(() => replayTenant(name, flags)));
}

async function replayIds(ids: readonly string[], flags: IdsFlags): Promise<void> {
  const body = {
    event_ids: ids,
    ...(flags.tenant !== undefined && { tenant_id: flags.tenant }),
    ...(flags.replayId !== undefined && { replay_id: flags.replayId }),
    ...(flags.why !== undefined && { why: flags.why }),
  };
  const answer = recordOf(await clientOf(flags).request('POST', '/admin/outbox/replay', body));
  if (flags.json === true) printJson(answer);
  else {
    const replays = Array.isArray(answer['replay_ids']) ? answer['replay_ids'].map(String) : [];
    print(`replayed ${String(answer['replayed'])} events${replays.length > 0 ? ` as ${replays.join(', ')}` : ''}`);
  }
  printRefused(answer);
}

async function replayTenant(name: string, flags: TenantFlags): Promise<void> {
  const body = {
    tenant_id: name,
    status: flags.status,
    limit: flags.limit,
    ...(flags.topic !== undefined && { topic_filter: flags.topic }),
    ...(flags.before !== undefined && { before_timestamp: flags.before }),
    ...(flags.why !== undefined && { why: flags.why }),
  };
  const answer = recordOf(await clientOf(flags).request('POST', '/admin/outbox/replay/tenant', body));
  if (flags.json === true) return printJson(answer);
  print(`replayed ${String(answer['replayed'])} ${flags.status} events of ${name} as ${String(answer['replay_id'])}`);
}
