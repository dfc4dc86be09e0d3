import { MAX_REPLAY_IDS, MAX_REPLAY_RATE } from './replay';
import type { ReplayFilter, ReplaySelection } from './replay';
import { PLAIN_TEXT, isText, storableText } from './text';

/** The publisher's command `replay`, as signal and update carry it. Exactly one of `eventIds` and `filter`. */
export interface ReplayCommand {
  readonly replayId: string;
  readonly eventIds?: readonly (string | number)[];
  readonly filter?: ReplayFilter;
  readonly ratePerSecond?: number | null;
  readonly by: string;
  readonly why: string;
}

/** Commands that wait at most; each may carry a thousand ids through the state. */
export const MAX_REPLAY_REQUESTS = 20;

/** Appends a checked command; null when too many wait. The same id again is one request. */
export function requestedReplay<S extends { readonly replayRequests?: readonly ReplayCommand[] }>(
  state: S,
  command: ReplayCommand,
): S | null {
  const waiting = state.replayRequests ?? [];
  if (waiting.some((other) => other.replayId === command.replayId)) return state;
  return waiting.length >= MAX_REPLAY_REQUESTS ? null : { ...state, replayRequests: [...waiting, command] };
}

/** What came of storing a command in Postgres. `slow`: its events could not be counted in time, which may be tried again. */
export type ReplayRequestAnswer =
  { readonly kind: 'stored' } | { readonly kind: 'slow' } | { readonly kind: 'refused'; readonly why: string };

/** A command that was accepted and can never be carried out. */
export interface RefusedReplay {
  readonly replayId: string;
  readonly why: string;
  /** ms since epoch. */
  readonly at: number;
}

/** The newest are kept. */
const MAX_REFUSED_REPLAYS = 10;

interface ReplayMemory {
  readonly replayRequests?: readonly ReplayCommand[];
  readonly refusedReplays?: readonly RefusedReplay[];
}

/** The request is stored in Postgres. */
export function storedReplay<S extends ReplayMemory>(state: S, command: ReplayCommand): S {
  const left = (state.replayRequests ?? []).filter((other) => other.replayId !== command.replayId);
  return { ...state, replayRequests: left };
}

/** The request is given up, and the state says why. */
export function refusedReplay<S extends ReplayMemory>(state: S, command: ReplayCommand, why: string, at: number): S {
  const { replayId } = command;
  const others = (state.refusedReplays ?? []).filter((other) => other.replayId !== replayId);
  const refused = { replayId, why: storableText(why, 500), at };
  return { ...storedReplay(state, command), refusedReplays: [...others, refused].slice(-MAX_REFUSED_REPLAYS) };
}

const MAX_ID = 9_223_372_036_854_775_807n;
const FIELDS = new Set(['replayId', 'eventIds', 'filter', 'ratePerSecond', 'by', 'why']);
const FILTER_FIELDS = new Set(['status', 'topic', 'type', 'key', 'errorCode', 'after', 'before']);
const STATUSES = new Set<unknown>(['published', 'sent', 'failed', 'skipped']);
/** A time with its zone: one without would mean another moment on each server. */
const ISO = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/;

/** Null, or one sentence that says what is wrong and what would be right. */
export function checkReplay(command: unknown): string | null {
  if (!isObject(command)) return 'replay takes an object with replayId, eventIds or filter, by and why';
  const stranger = Object.keys(command).find((name) => !FIELDS.has(name));
  if (stranger !== undefined)
    return `${stranger.slice(0, 50)} is unknown: use replayId, eventIds, filter, ratePerSecond, by, why`;
  const { replayId, by, why, eventIds, filter, ratePerSecond } = command;
  return (
    checkReplayId(replayId) ??
    (isText(by, 200) ? null : `by must be a text of 1 to 200 characters ${PLAIN_TEXT}: who gives this order`) ??
    (isText(why, 500) ? null : `why must be a text of 1 to 500 characters ${PLAIN_TEXT}`) ??
    checkRate(ratePerSecond) ??
    checkSelection({ eventIds, filter })
  );
}

export function checkReplayId(replayId: unknown): string | null {
  const good = typeof replayId === 'string' && /^[!-~]{1,100}$/.test(replayId);
  return good
    ? null
    : 'replayId must be 1 to 100 printable ASCII characters without blanks: the same id twice has one effect';
}

export function checkRate(rate: unknown): string | null {
  if (rate === undefined || rate === null) return null;
  const good = typeof rate === 'number' && Number.isInteger(rate) && rate >= 1 && rate <= MAX_REPLAY_RATE;
  return good ? null : `ratePerSecond must be a whole number from 1 to ${MAX_REPLAY_RATE}, or null for no limit`;
}

export function checkSelection(selection: { readonly eventIds?: unknown; readonly filter?: unknown }): string | null {
  const { eventIds, filter } = selection;
  if ((eventIds === undefined) === (filter === undefined)) return 'name either eventIds or filter';
  return eventIds === undefined ? checkFilter(filter) : checkEventIds(eventIds);
}

/** A checked command's selection, with ids as decimal strings, each once. */
export function selectionOf(command: {
  readonly eventIds?: readonly (string | number)[];
  readonly filter?: ReplayFilter;
}): ReplaySelection {
  if (command.filter !== undefined) return { filter: command.filter };
  return { eventIds: [...new Set((command.eventIds ?? []).map((id) => BigInt(id).toString()))] };
}

function checkEventIds(ids: unknown): string | null {
  if (!Array.isArray(ids) || ids.length < 1 || ids.length > MAX_REPLAY_IDS) {
    return `eventIds must be a list of 1 to ${MAX_REPLAY_IDS} ids; select more by filter`;
  }
  return ids.every(isEventId) ? null : 'eventIds must be decimal strings, such as "17"';
}

export function isEventId(id: unknown): boolean {
  if (typeof id === 'number') return Number.isSafeInteger(id) && id > 0;
  return typeof id === 'string' && /^[0-9]{1,19}$/.test(id) && BigInt(id) > 0n && BigInt(id) <= MAX_ID;
}

function checkFilter(filter: unknown): string | null {
  if (!isObject(filter)) return 'filter must be an object';
  const names = Object.keys(filter);
  const stranger = names.find((name) => !FILTER_FIELDS.has(name));
  if (stranger !== undefined) return `filter.${stranger.slice(0, 50)} is unknown: use ${[...FILTER_FIELDS].join(', ')}`;
  if (names.length === 0) return 'filter must name something, for example {"after":"2000-01-01"} for everything';
  if (filter['status'] !== undefined && !STATUSES.has(filter['status'])) {
    return 'filter.status must be published (or sent), failed or skipped: a pending event is published anyway';
  }
  for (const name of ['topic', 'type', 'key', 'errorCode']) {
    if (filter[name] !== undefined && !isText(filter[name], 1_024))
      return `filter.${name} must be a text ${PLAIN_TEXT}`;
  }
  for (const name of ['after', 'before']) {
    if (filter[name] !== undefined && !isMoment(filter[name])) {
      return `filter.${name} must be a time in ISO-8601 with its zone, such as 2026-01-31T12:00:00Z, or a date`;
    }
  }
  return null;
}

function isMoment(value: unknown): boolean {
  return typeof value === 'string' && ISO.test(value) && !Number.isNaN(Date.parse(value));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
