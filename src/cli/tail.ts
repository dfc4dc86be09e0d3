import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { AdminClient } from './admin-client';
import { AdminError } from './admin-client';
import { span, tenant } from './arguments';
import { adminCommand } from './command';
import { addFilters, listQuery, statusOption } from './event-filter';
import type { FilterFlags } from './event-filter';
import { createFollower } from './follow';
import type { FollowedEvent } from './follow';
import { listSource, publishedSource, timeOf } from './follow-sources';
import type { FollowSource } from './follow-sources';
import { cell, note, print } from './output';
import { clientOf, run } from './run';
import type { AdminFlags } from './run';

interface Flags extends AdminFlags, Omit<FilterFlags, 'after' | 'before'> {
  readonly status: string;
  readonly tenant?: string;
  readonly since: number;
  readonly lookback?: number;
  readonly interval: number;
}

/** The list of parked and skipped events is by the time of creation, which may be long before; they are few. */
const LOOKBACK_MS = { pending: 10_000, published: 10_000, sent: 10_000, failed: 86_400_000, skipped: 86_400_000 };

/** Adds `outboxctl tail`. */
export function registerTail(program: Command): void {
  const command = adminCommand(program, 'tail', 'follow events as they reach a status, until Ctrl-C (exit code 0)')
    .addOption(statusOption('which events').default('published'))
    .option('--tenant <tenant>', 'only of this tenant', tenant)
    .option('--since <span>', 'start with events of this long ago', span, 0)
    .option(
      '--lookback <span>',
      'also look for events this much older than the newest shown (default: by status)',
      span,
    )
    .option('--interval <span>', 'wait between two looks', span, 2_000);
  addFilters(command, 'only topics that contain this', { times: false }).action((flags: Flags) =>
    run(() => tail(flags)),
  );
}

async function tail(flags: Flags): Promise<void> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.once('SIGINT', end).once('SIGTERM', end);
  try {
    await follow(flags, stop.signal);
  } catch (error) {
    // Being told to stop is how this command ends.
    if (!stop.signal.aborted) throw error;
  }
}

async function follow(flags: Flags, stop: AbortSignal): Promise<void> {
  const client = clientOf(flags, stop);
  const source = sourceOf(client, flags);
  await source.prepare();
  const from = (await client.now()).getTime() - flags.since;
  const lookbackMs = flags.lookback ?? LOOKBACK_MS[flags.status as keyof typeof LOOKBACK_MS];
  const follower = createFollower({ from, lookbackMs, timeOf: timeOf(flags.status) });
  let away = false;
  for (;;) {
    try {
      for (const event of follower.take(await source.read(follower.floor()))) show(event, flags);
      if (away) note('outboxctl: the service answers again');
      away = false;
    } catch (error) {
      // A restart of the api must not end a tail that somebody watches; the floor stays where it was.
      if (stop.aborted || !(error instanceof AdminError) || !error.unavailable) throw error;
      if (!away) note(`outboxctl: ${cell(error.message)} Trying again.`);
      away = true;
    }
    await sleep(flags.interval, undefined, { signal: stop });
  }
}

function sourceOf(client: AdminClient, flags: Flags): FollowSource {
  const query = { ...listQuery(flags), tenant: flags.tenant };
  const published = flags.status === 'published' || flags.status === 'sent';
  return published ? publishedSource(client, query, flags.since > 0) : listSource(client, query);
}

const COLUMNS = ['tenant_id', 'id', 'status', 'topic', 'type', 'key', 'error_code'];

function show(event: FollowedEvent, flags: Flags): void {
  if (flags.json === true) return print(JSON.stringify(event));
  const time = new Date(timeOf(flags.status)(event)).toISOString();
  print([time, ...COLUMNS.map((column) => cell(event[column]))].join('  '));
}
