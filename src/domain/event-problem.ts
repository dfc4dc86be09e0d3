import { EVENT_LIMITS, RESERVED_HEADERS, RESERVED_HEADER_PREFIXES } from './event';
import type { OutboxEvent } from './event';

const RESERVED: ReadonlySet<string> = new Set(RESERVED_HEADERS);

/**
 * Why an event can never be sent, whatever its topic allows, or null. The ways in refuse such events; a row that was written
 * past them by plain SQL would otherwise make every drain of its tenant fail, in place of being parked.
 */
export function eventProblem(event: Pick<OutboxEvent, 'key' | 'headers'>): string | null {
  const { key, headers } = event;
  if (key !== null && (key.length === 0 || units(key) > EVENT_LIMITS.keyLength)) {
    return `The ordering key must have 1 to ${EVENT_LIMITS.keyLength} characters. ${REMEDY}`;
  }
  return headers === null ? null : headerProblem(headers);
}

const REMEDY = 'Skip the event, and enqueue it anew with outbox.enqueue, which says what is wrong.';

function headerProblem(headers: Readonly<Record<string, unknown>>): string | null {
  let count = 0;
  for (const name in headers) {
    count += 1;
    const value = headers[name];
    const lower = name.toLowerCase();
    if (typeof value !== 'string') return `The value of header ${quoted(name)} is not a string. ${REMEDY}`;
    if (name.length === 0 || units(name) > EVENT_LIMITS.headerNameLength) {
      return `A header's name must have 1 to ${EVENT_LIMITS.headerNameLength} characters: ${quoted(name)}. ${REMEDY}`;
    }
    if (units(value) > EVENT_LIMITS.headerValueLength) {
      return `The value of header ${quoted(name)} has more than ${EVENT_LIMITS.headerValueLength} characters. ${REMEDY}`;
    }
    if (RESERVED.has(lower) || RESERVED_HEADER_PREFIXES.some((prefix) => lower.startsWith(prefix))) {
      return `The header name ${quoted(name)} is reserved for the publisher. ${REMEDY}`;
    }
  }
  if (count <= EVENT_LIMITS.headerCount) return null;
  return `The event has ${count} headers, at most ${EVENT_LIMITS.headerCount} are allowed. ${REMEDY}`;
}

/** Postgres counts characters, JavaScript units of UTF-16: the exact count is made only where it can matter. */
function units(text: string): number {
  return text.length <= EVENT_LIMITS.headerNameLength ? text.length : [...text].length;
}

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 50));
}
