import { checkBy, checkPause, field, moment } from './publisher-commands';
import type { PauseCommand } from './publisher-commands';
import { checkFields } from './tenant-commands';
import { PLAIN_TEXT, isText } from './text';

/** The pause of everything. Times are ms since epoch by the database's clock. */
export interface GlobalPause {
  readonly by: string;
  readonly why: string;
  readonly since: number;
  /** null = until somebody resumes. */
  readonly until: number | null;
}

/** Whether everything is paused, as Postgres has it. */
export interface EverythingNow {
  readonly paused: GlobalPause | null;
  /** Publishers at work or with a batch in doubt: a pause is complete at 0. */
  readonly running: number;
}

/** What the workflow `everything` knows: plain JSON, returned by the query `state`. The truth is a row in Postgres. */
export interface EverythingView extends EverythingNow {
  /** When it last looked, ms since epoch; null = not yet. */
  readonly at: number | null;
  /** Commands whose arguments made no sense: counted and dropped. */
  readonly refusedCommands: number;
}

export interface EverythingInput {
  /** A run continues as new beyond this many history events; absent = when the server suggests it. */
  readonly maxHistoryEvents?: number;
  /** Carried over continue-as-new. */
  readonly view?: EverythingView;
}

export interface ResumeAllCommand {
  readonly by: string;
  readonly why?: string;
}

/** A checked command. */
export type EverythingCommand =
  | { readonly name: 'pause'; readonly by: string; readonly why: string; readonly until: number | null }
  | { readonly name: 'resume'; readonly by: string; readonly why: string | null };

export type EverythingOutcome =
  { readonly kind: 'done'; readonly now: EverythingNow } | { readonly kind: 'refused'; readonly why: string };

/** The activities of the workflow `everything`, local and short. */
export interface EverythingActivities {
  lookAtEverything(): Promise<EverythingNow>;
  /** Pauses or resumes once, by the command's id, and notes it in the audit. */
  changeEverything(command: EverythingCommand, commandId: string): Promise<EverythingOutcome>;
}

/** Null, or one sentence that says what is wrong and what would be right. */
export function checkPauseAll(command: unknown): string | null {
  return checkFields(command, ['until']) ?? checkPause(command);
}

export function checkResumeAll(command: unknown): string | null {
  const wrong = checkFields(command, []) ?? checkBy(command);
  const why = field(command, 'why');
  if (wrong !== null || why === undefined || why === null || isText(why, 500)) return wrong;
  return `why must be a text of 1 to 500 characters ${PLAIN_TEXT}, or be left out`;
}

export function pauseAllOf({ by, why, until }: PauseCommand): EverythingCommand {
  return { name: 'pause', by, why, until: moment(until ?? null) };
}

export function resumeAllOf({ by, why }: ResumeAllCommand): EverythingCommand {
  return { name: 'resume', by, why: why ?? null };
}

/** A pause that is to end by itself is looked at again then; longer timers than this nobody means. */
const LONGEST_MS = 30 * 86_400_000;
/** A drain ends with its batch in flight, in seconds; a batch in doubt may take as long as Kafka is away. */
const SOONEST_MS = 2_000;
const LATEST_MS = 300_000;

/**
 * How long until the row is to be looked at again without being asked; null = not before somebody changes it. `idle`: looks in a row
 * that found the same pause with publishers still at work.
 */
export function nextLookMs({ paused, running }: EverythingNow, idle: number, now: number): number | null {
  if (paused === null) return null;
  const ends = paused.until === null ? Infinity : Math.max(SOONEST_MS / 2, paused.until - now);
  const complete = running === 0 ? Infinity : Math.min(LATEST_MS, SOONEST_MS * 2 ** Math.min(idle, 10));
  const soonest = Math.min(ends, complete);
  return soonest === Infinity ? null : Math.min(soonest, LONGEST_MS);
}
