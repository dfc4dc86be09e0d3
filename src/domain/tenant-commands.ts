import { checkByWhy, field } from './publisher-commands';
import { isEventId } from './replay-commands';
import { PLAIN_TEXT, isText } from './text';

/** Most events of one order: a drain that wants to record waits for the publisher's row meanwhile. */
export const MAX_ACTION_EVENTS = 1_000;
/** As long as an ordering key may be. */
const MAX_KEY = 1_024;

/** Commands of a publisher about its tenant's events and about the tenant itself, as signals and updates carry them. */
export interface EventsCommand {
  readonly eventIds: readonly (string | number)[];
  readonly by: string;
  readonly why: string;
}
export interface ReleaseCommand {
  readonly key: string;
  readonly action: 'retry' | 'skip';
  readonly by: string;
  readonly why: string;
}
export interface StatusCommand {
  readonly by: string;
  readonly why: string;
}

/** A checked command, with ids as decimal strings, each once. */
export type TenantCommand = { readonly by: string; readonly why: string } & (
  | { readonly name: 'retryEvents' | 'skipEvents'; readonly eventIds: readonly string[] }
  | { readonly name: 'releaseKey'; readonly key: string; readonly action: 'retry' | 'skip' }
  | { readonly name: 'suspendTenant' | 'reactivateTenant' }
);

/** Why an event was left as it is. `in_flight`: it is in a batch that is recorded and not settled, so Kafka may have it already. */
export interface RefusedEvent {
  readonly eventId: string;
  readonly code: 'not_found' | 'in_flight' | 'not_failed' | 'already_published' | 'already_skipped';
}

export interface EventsAnswer {
  /** Ids of the events that were changed, ascending. */
  readonly changed: readonly string[];
  readonly refused: readonly RefusedEvent[];
}
export interface ReleaseAnswer extends EventsAnswer {
  /** False: parked events of the key are left, and still hold it. */
  readonly released: boolean;
}
export interface StatusAnswer {
  readonly before: 'active' | 'suspended';
  readonly status: 'active' | 'suspended';
}

/** `refused`: it can never be carried out as it is. */
export type TenantCommandOutcome =
  | { readonly kind: 'done'; readonly answer: EventsAnswer | ReleaseAnswer | StatusAnswer }
  | { readonly kind: 'refused'; readonly why: string };

/** Each check answers null, or one sentence that says what is wrong and what would be right. */
export function checkEvents(command: unknown): string | null {
  const wrong = checkFields(command, ['eventIds']) ?? checkByWhy(command);
  if (wrong !== null) return wrong;
  const ids = field(command, 'eventIds');
  if (!Array.isArray(ids) || ids.length < 1 || ids.length > MAX_ACTION_EVENTS)
    return `eventIds must be a list of 1 to ${MAX_ACTION_EVENTS} ids; send more in several commands`;
  return ids.every(isEventId) ? null : 'eventIds must be decimal strings, such as "17"';
}

export function checkRelease(command: unknown): string | null {
  const wrong = checkFields(command, ['key', 'action']) ?? checkByWhy(command);
  if (wrong !== null) return wrong;
  if (!isText(field(command, 'key'), MAX_KEY))
    return `key must be a text of 1 to ${MAX_KEY} characters ${PLAIN_TEXT}: the ordering key that is held`;
  const action = field(command, 'action');
  return action === 'retry' || action === 'skip'
    ? null
    : 'action must be retry (send the parked events again) or skip (give them up)';
}

export function checkStatus(command: unknown): string | null {
  return checkFields(command, []) ?? checkByWhy(command);
}

/** Commands to workflows are typed by hand: a field that is not known is a mistake that somebody would miss. */
export function checkFields(command: unknown, names: readonly string[]): string | null {
  const known = [...names, 'by', 'why'];
  if (typeof command !== 'object' || command === null || Array.isArray(command))
    return `the command takes an object with ${known.join(', ')}`;
  const stranger = Object.keys(command).find((name) => !known.includes(name));
  return stranger === undefined ? null : `${stranger.slice(0, 50)} is unknown: use ${known.join(', ')}`;
}

export function eventIdsOf({ eventIds }: EventsCommand): string[] {
  return [...new Set(eventIds.map((id) => BigInt(id).toString()))];
}

/** One line of what a command did. */
export function describeAnswer(answer: EventsAnswer | ReleaseAnswer | StatusAnswer): string {
  if ('status' in answer) return `${answer.before} → ${answer.status}`;
  const codes = [...new Set(answer.refused.map(({ code }) => code))];
  const refused = codes.length === 0 ? '' : `, ${answer.refused.length} refused (${codes.join(', ')})`;
  return `${answer.changed.length} events changed${refused}`;
}
