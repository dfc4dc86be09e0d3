import type { OutboxEvent } from '../domain/event';
import { OutboxError } from '../domain/errors';

/** Columns of an event `e`, its content given. */
export const columnsOf = (
  headers: string,
  payload: string,
): string => `e.event_id, e.dedupe_key, e.topic, e.event_type, e.ordering_key,
  ${headers}, ${payload}, e.content_type, e.created_at at time zone 'UTC', e.attempts, e.lane`;
/** What a drain reads of an event `e`; `toEvent` takes it. */
export const EVENT_COLUMNS = columnsOf('e.headers', 'e.payload');

/** Counted for an event beside its payload: key, headers, type. */
export const EVENT_BYTES = 400;

/** Columns as the server's text, in the order of EVENT_COLUMNS. */
export type EventColumns = [
  id: string,
  dedupeKey: string,
  topic: string,
  type: string,
  key: string | null,
  headers: string | null,
  payload: string | null,
  contentType: string | null,
  createdAt: string,
  attempts: string,
  lane: string,
];

/** An event as a drain reads it. Throws POSTGRES_REFUSED where the server's settings make its text unreadable. */
export function toEvent(tenant: string, c: EventColumns): OutboxEvent {
  return {
    id: c[0],
    tenant,
    dedupeKey: c[1],
    topic: c[2],
    type: c[3],
    key: c[4],
    headers: c[5] === null ? null : (JSON.parse(c[5]) as Record<string, string>),
    payload: c[6] === null ? null : bytes(c[6]),
    contentType: c[7],
    createdAt: isoTime(c[8]),
    attempts: Number(c[9]),
    lane: c[10] === '1' ? 'replay' : 'live',
  };
}

/** The text form of bytea is \x followed by hex digits, unless bytea_output=escape, which would publish wrong bytes. */
function bytes(text: string): Buffer {
  if (!text.startsWith('\\x')) throw unreadable('bytea_output', 'hex');
  return Buffer.from(text.slice(2), 'hex');
}

/** '2026-01-31 12:00:00.5' → '2026-01-31T12:00:00.500Z'; a Date per row would cost more than the rest of the row. */
function isoTime(text: string): string {
  if (text[4] !== '-' || text[10] !== ' ') throw unreadable('datestyle', 'ISO');
  return `${text.slice(0, 10)}T${text.slice(11, 19)}.${text.slice(20, 23).padEnd(3, '0')}Z`;
}

function unreadable(setting: string, value: string): OutboxError {
  return new OutboxError(
    'POSTGRES_REFUSED',
    `The server's ${setting} is not ${value}. Run: alter role … set ${setting} = '${value}'.`,
  );
}
