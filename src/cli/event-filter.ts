import type { Command } from 'commander';
import { Option } from 'commander';
import { past } from './arguments';
import type { Query } from './pages';

/** `sent` is another word for `published`. */
export const STATUSES = ['pending', 'published', 'sent', 'failed', 'skipped'] as const;

export function statusOption(about: string): Option {
  return new Option('--status <status>', about).choices(STATUSES);
}

/** Pending events are still to be published for the first time. */
export function replayableOption(about: string): Option {
  return new Option('--status <status>', about).choices(STATUSES.filter((status) => status !== 'pending'));
}

export interface FilterFlags {
  readonly status?: string;
  readonly topic?: string;
  readonly type?: string;
  readonly key?: string;
  readonly errorCode?: string;
  readonly after?: string;
  readonly before?: string;
}

/** Adds the filters of lists of events and of replay plans. */
export function addFilters(command: Command, topicAbout: string, { times = true } = {}): Command {
  command
    .option('--topic <topic>', topicAbout)
    .option('--type <type>', 'only of this type')
    .option('--key <key>', 'only of this ordering key')
    .option('--error-code <code>', 'only parked with this code');
  if (!times) return command;
  return command
    .option('--after <when>', 'only created after: a time with its zone, or a duration such as 2h (ago)', past)
    .option('--before <when>', 'only created before', past);
}

/** The filters as parameters of a list of events. */
export function listQuery(flags: FilterFlags): Query {
  return {
    status: flags.status,
    topic_filter: flags.topic,
    type: flags.type,
    key: flags.key,
    error_code: flags.errorCode,
    after_timestamp: flags.after,
    before_timestamp: flags.before,
  };
}

/** The filters as the body of a replay plan. */
export function planFilter(flags: FilterFlags): Record<string, string> {
  return {
    ...(flags.status !== undefined && { status: flags.status }),
    ...(flags.topic !== undefined && { topic: flags.topic }),
    ...(flags.type !== undefined && { type: flags.type }),
    ...(flags.key !== undefined && { key: flags.key }),
    ...(flags.errorCode !== undefined && { error_code: flags.errorCode }),
    ...(flags.after !== undefined && { after: flags.after }),
    ...(flags.before !== undefined && { before: flags.before }),
  };
}
