import { InvalidArgumentError } from 'commander';
import { duration } from '../config/parsers';
import { TENANT_PATTERN } from '../domain/event';
import { MOST_PLAIN_KEY_TOPICS, isPlainKeyTopic } from '../domain/plain-key';

/**
 * Parsers of arguments and options. What is not fully understood is a usage error here, before anything is sent: a filter that
 * the service would ignore could make a replay larger than meant.
 */

const YEAR_MS = 366 * 24 * 60 * 60_000;
const DURATION = duration(0, YEAR_MS);

/** A tenant's name. Checked here because it becomes part of a path, where `..` would name another route. */
export function tenant(text: string): string {
  if (TENANT_PATTERN.test(text) && !text.includes('..')) return text;
  throw new InvalidArgumentError('Give a tenant: letters, digits, ".", "_" or "-", starting with a letter or digit.');
}

/** An id of an event; stays text, because ids do not fit a JavaScript number. */
export function eventId(text: string): string {
  if (/^[1-9]\d{0,18}$/.test(text)) return text;
  throw new InvalidArgumentError("Give an event's id: a whole number from 1.");
}

/** For variadic arguments: commander passes what it has collected so far, in its first call the default. */
export function eventIds(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), eventId(text)];
}

/** A name that becomes a segment of a path: an id of a key, a plan or a replay. */
export function identifier(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._:-]{0,199}$/.test(text) && !text.includes('..')) return text;
  throw new InvalidArgumentError('Give an id: letters, digits, ".", "_", ":" or "-", starting with a letter or digit.');
}

/** Whoever starts a replay names it, over the API and from Temporal too: any printable name, but no step of a path. */
export function replayId(text: string): string {
  if (/^[!-~]{1,100}$/.test(text) && text !== '.' && text !== '..') return text;
  throw new InvalidArgumentError("Give a replay's id: 1 to 100 printable ASCII characters without blanks.");
}

export function count(text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw new InvalidArgumentError('Give a whole number, 0 or more.');
  return Number(text);
}

export function positive(text: string): number {
  const value = count(text);
  if (value === 0) throw new InvalidArgumentError('Give a whole number, 1 or more.');
  return value;
}

/** A limit as typed. */
export type Limit = number | 'none';

/** A limit, 0 = stopped; `none` takes it away. Not null: commander makes an empty text of a parser's null. */
export function limit(text: string): Limit {
  if (text === 'none') return text;
  if (!/^\d{1,12}(\.\d{1,3})?$/.test(text)) throw new InvalidArgumentError('Give a number, 0 or more, or "none".');
  return Number(text);
}

/** A setting as typed; `none` goes back to the deployment's. */
export type OrNone = number | 'none';

/** What `parse` takes, or `none`. */
export function orNone(parse: (text: string) => number): (text: string) => OrNone {
  return (text) => (text === 'none' ? text : parse(text));
}

/** A limit as the admin API has it. */
export function limitBody(value: Limit): number | null {
  return value === 'none' ? null : value;
}

/** A tenant's share, relative to the others'. */
export function weight(text: string): number {
  const value = /^\d{1,4}(\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (value > 0) return value;
  throw new InvalidArgumentError('Give a number above 0, such as 1 or 2.5.');
}

/** Topics separated by commas, `*` for all of them; `none` is the empty list. */
export function topics(text: string): readonly string[] {
  const names = text === 'none' ? [] : text.split(',').map((name) => name.trim());
  if (names.every(isPlainKeyTopic) && names.length <= MOST_PLAIN_KEY_TOPICS) return names;
  throw new InvalidArgumentError(
    `Give up to ${MOST_PLAIN_KEY_TOPICS} topics separated by commas, "*" for all of them, or "none".`,
  );
}

/** Milliseconds of `90s`, `15m`, `2h`, `7d`. */
export function span(text: string): number {
  const result = DURATION.safeParse(text);
  if (result.success) return result.data;
  throw new InvalidArgumentError('Give a duration with its unit, such as 90s, 15m, 2h or 7d.');
}

/** A time in the past: ISO-8601, or a duration, which means that long ago. */
export function past(text: string): string {
  return moment(text, -1);
}

/** A time to come: ISO-8601, or a duration from now. */
export function future(text: string): string {
  return moment(text, 1);
}

/** A date without a zone would be another moment on another machine, so the zone is required. */
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

function moment(text: string, direction: 1 | -1): string {
  const length = DURATION.safeParse(text);
  if (length.success) return new Date(Date.now() + direction * length.data).toISOString();
  const at = ISO.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(at)) return new Date(at).toISOString();
  throw new InvalidArgumentError('Give a time with its zone, such as 2026-01-31T12:00:00Z, or a duration such as 15m.');
}
