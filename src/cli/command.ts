import type { Command } from 'commander';
import { positive } from './arguments';
import { note, print, printJson, visible } from './output';
import type { AdminFlags } from './run';

/** Adds a command over the admin API, with the options that all of them have. */
export function adminCommand(parent: Command, usage: string, about: string): Command {
  return parent
    .command(usage)
    .description(about)
    .option('--url <url>', 'admin API (default: OUTBOX_ADMIN_URL)')
    .option('--json', 'print JSON');
}

export interface ListFlags extends AdminFlags {
  readonly limit: number;
  readonly cursor?: string;
}

/** Adds a command that lists. */
export function listCommand(parent: Command, usage: string, about: string, limit = 1_000): Command {
  return adminCommand(parent, usage, about)
    .option('--limit <n>', 'most rows', positive, limit)
    .option('--cursor <cursor>', 'go on where a list ended');
}

export interface ChangeFlags extends AdminFlags {
  readonly why: string;
}

/** Adds a command that changes something; the service writes who, what and why into its change log. */
export function changeCommand(parent: Command, usage: string, about: string): Command {
  return adminCommand(parent, usage, about).requiredOption('--why <text>', 'the reason, for the change log');
}

export interface MaybeWhyFlags extends AdminFlags {
  readonly why?: string;
}

/** Adds a command that makes something new: a reason is welcome, and scripts may do without. */
export function createCommand(parent: Command, usage: string, about: string): Command {
  return adminCommand(parent, usage, about).option('--why <text>', 'the reason, for the change log');
}

export interface FinalFlags extends ChangeFlags {
  readonly yes?: boolean;
}

/** Adds a command that cannot be undone: without --yes it only says what it would do. */
export function finalCommand(parent: Command, usage: string, about: string): Command {
  return changeCommand(parent, usage, `${about}; cannot be undone`).option(
    '--yes',
    'do it; without it, only say what would happen',
  );
}

/** Says what would happen, for scripts with the facts that the decision needs. Nothing was changed: the exit code stays 0. */
export function printDryRun(flags: AdminFlags, would: string, facts: Record<string, unknown> = {}): void {
  if (flags.json === true) return printJson({ dry_run: true, would, ...facts });
  print(`would ${visible(would)}`);
  note('Nothing was changed. Add --yes to do it.');
}

/** Prints the answer of a change: JSON as it came, or the line. */
export function printDone(flags: AdminFlags, answer: unknown, line: string): void {
  if (flags.json === true) return printJson(answer);
  print(visible(line));
}
