import { DEFAULT_CONTENT_TYPE } from '../domain/event';
import type { Acknowledged } from './acknowledged';

type RawHeaders = Readonly<Record<string, Buffer | Buffer[] | null>>;

const REPLAY_ID = 'outbox-replay-id';
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const COUNT = /^[0-9]+$/;

/** The text of a header, or null if it is absent, empty-valued or double. */
export function headerText(headers: RawHeaders, name: string): string | null {
  const value = headers[name];
  return Buffer.isBuffer(value) ? value.toString('utf8') : null;
}

/** The replay that this copy belongs to; null = an original. */
export function replayId(headers: RawHeaders): string | null {
  return headerText(headers, REPLAY_ID);
}

/**
 * What is wrong with the headers of a copy of `event` on `topic`; empty = nothing. `tenant-id` is judged elsewhere, as a
 * matter of isolation.
 */
export function headerFaults(headers: RawHeaders, event: Acknowledged, topic: string): string[] {
  const faults: string[] = [];
  const expect = (name: string, fits: (value: string) => boolean): void => {
    const value = headerText(headers, name);
    if (value === null) faults.push(`${name} is ${Array.isArray(headers[name]) ? 'there twice' : 'missing'}`);
    else if (!fits(value)) faults.push(`${name} is "${value.slice(0, 100)}"`);
  };
  const equals = (expected: string) => (value: string) => value === expected;
  expect('dedupe-key', equals(event.dedupeKey));
  if (event.id !== null) expect('event-id', equals(event.id));
  expect('event-type', equals(event.type));
  expect('event-topic', equals(topic));
  expect('event-created-at', (value) => ISO.test(value));
  const { contentType } = event;
  expect('content-type', (value) =>
    contentType === undefined ? value !== '' : value === (contentType ?? DEFAULT_CONTENT_TYPE),
  );
  expect('retry-count', (value) => COUNT.test(value));
  expect('processing-attempt', (value) => COUNT.test(value));
  expect('x-timestamp-ms', (value) => COUNT.test(value));
  expect('x-schema-version', (value) => value !== '');
  expect('x-producer-id', (value) => RELAYS_BATCH.test(value));
  for (const [name, value] of Object.entries(event.headers ?? {})) expect(name, equals(value));
  if (replayId(headers) !== null) expect('outbox-replay-count', (value) => COUNT.test(value));
  return faults;
}

/** `<installation>/relay-<r>@<seq>`. */
const RELAYS_BATCH = /^[0-9a-z]{12}\/relay-[0-9]{1,4}@[1-9][0-9]*$/;
