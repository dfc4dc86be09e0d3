import {
  EVENT_LIMITS,
  RESERVED_HEADERS,
  RESERVED_HEADER_PREFIXES,
  TENANT_PATTERN,
  TOPIC_PATTERN,
} from '../domain/event';
import type { NewEvent } from '../postgres/enqueue';
import { EnqueueError } from './errors';
import type { EnqueueEvent } from './types';

/** A half of a surrogate pair is no character: as UTF-8 it would silently become another one. */
const LONE_SURROGATE = /\p{Surrogate}/u;
/** JSON.stringify escapes lone surrogates and nothing else as \ud…; an even number of backslashes before it is plain text. */
const ESCAPED_SURROGATE = /(?:^|[^\\])(?:\\\\)*\\ud[89a-f]/;

/** Checks what can be checked without the database. `at` names the event in messages. */
export function prepare(event: EnqueueEvent, at: string): NewEvent {
  if (typeof event !== 'object' || event === null)
    throw invalid(at, 'must be an object', 'Pass { tenant, topic, type, payload }');
  const text = (field: 'tenant' | 'topic' | 'type', max: number): string =>
    checkText(event[field], `${at}.${field}`, max);
  const optional = (field: 'key' | 'dedupeKey' | 'contentType', max: number): string | null =>
    event[field] == null ? null : checkText(event[field], `${at}.${field}`, max);

  const tenant = text('tenant', EVENT_LIMITS.tenantLength);
  if (!TENANT_PATTERN.test(tenant))
    throw invalid(`${at}.tenant`, 'has a character that no tenant has', 'Check the name');
  const topic = text('topic', EVENT_LIMITS.topicLength);
  if (!TOPIC_PATTERN.test(topic) || topic === '.' || topic === '..') {
    throw invalid(`${at}.topic`, 'may hold only A-Z a-z 0-9 . _ -', 'Use a valid Kafka topic name');
  }
  const content = checkPayload(event, at);
  return {
    tenant,
    topic,
    type: text('type', EVENT_LIMITS.typeLength),
    key: optional('key', EVENT_LIMITS.keyLength),
    dedupeKey: optional('dedupeKey', EVENT_LIMITS.dedupeKeyLength),
    headers: event.headers == null ? null : checkHeaders(event.headers, `${at}.headers`),
    payload: content.payload,
    contentType: optional('contentType', EVENT_LIMITS.contentTypeLength) ?? content.contentType,
  };
}

function checkPayload(event: EnqueueEvent, at: string): { payload: Uint8Array | null; contentType: string | null } {
  if (event.tombstone === true) {
    if (event.payload !== undefined) throw invalid(at, 'has a payload and tombstone: true', 'Leave one of them out');
    return { payload: null, contentType: null };
  }
  if (event.payload === undefined) throw invalid(`${at}.payload`, 'is missing', 'Pass a value, or tombstone: true');
  const bytes = event.payload instanceof Uint8Array;
  const payload = event.payload instanceof Uint8Array ? event.payload : Buffer.from(toJson(event.payload, at));
  if (payload.byteLength > EVENT_LIMITS.payloadBytes) {
    throw invalid(
      `${at}.payload`,
      `has ${payload.byteLength} bytes, at most ${EVENT_LIMITS.payloadBytes} are allowed`,
      'Store large content elsewhere and send its address',
    );
  }
  return { payload, contentType: bytes ? null : 'application/json' };
}

function toJson(value: unknown, at: string): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (error) {
    throw invalid(`${at}.payload`, `is not JSON: ${String(error)}`, 'Pass a JSON value or bytes', error);
  }
  if (json === undefined) throw invalid(`${at}.payload`, 'is not JSON', 'Pass a JSON value or bytes');
  if (ESCAPED_SURROGATE.test(json)) {
    throw invalid(`${at}.payload`, 'has half of a surrogate pair in a string', 'Pass well-formed text, or bytes');
  }
  return json;
}

function checkHeaders(headers: unknown, at: string): Readonly<Record<string, string>> {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    throw invalid(at, 'must be an object of strings', "Pass for example { source: 'checkout' }");
  }
  const entries = Object.entries(headers as Record<string, unknown>);
  if (entries.length > EVENT_LIMITS.headerCount) {
    throw invalid(at, `has more than ${EVENT_LIMITS.headerCount} entries`, 'Put the data into the payload');
  }
  for (const [name, value] of entries) {
    checkText(name, `${at}: a name`, EVENT_LIMITS.headerNameLength);
    const lower = name.toLowerCase();
    if (RESERVED_HEADERS.includes(lower) || RESERVED_HEADER_PREFIXES.some((prefix) => lower.startsWith(prefix))) {
      throw invalid(`${at}.${name}`, 'is reserved for the publisher', 'Rename the header');
    }
    checkText(value, `${at}.${name}`, EVENT_LIMITS.headerValueLength, 0);
  }
  return headers as Readonly<Record<string, string>>;
}

/** Length counts characters (code points), as Postgres does. */
function checkText(value: unknown, at: string, max: number, min = 1): string {
  if (typeof value !== 'string') throw invalid(at, 'must be a string', 'Convert it');
  if (value.length < min) throw invalid(at, 'must not be empty', 'Leave it out if it is optional');
  if (value.length > max && (value.length > 2 * max || Array.from(value).length > max)) {
    throw invalid(at, `must have at most ${max} characters`, 'Shorten it');
  }
  if (value.includes('\0')) throw invalid(at, 'has a NUL character, which Postgres cannot store', 'Remove it');
  if (LONE_SURROGATE.test(value)) throw invalid(at, 'has half of a surrogate pair', 'Pass well-formed text');
  return value;
}

function invalid(at: string, rule: string, remedy: string, cause?: unknown): EnqueueError {
  return new EnqueueError('OB002', `${at} ${rule}. ${remedy}.`, cause);
}
