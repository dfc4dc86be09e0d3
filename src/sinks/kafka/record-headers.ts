import { DEFAULT_CONTENT_TYPE } from '../../domain/event';
import type { OutboxEvent, ReplayCopy } from '../../domain/event';
import { ByteWriter } from './byte-writer';

const SCHEMA_VERSION = '1.0';
const TRACEPARENT = 'traceparent';

interface Stamp {
  readonly createdAt: string;
  readonly ms: number;
  readonly text: string;
}

/**
 * Writes the headers of one batch's events. Names never change and most values repeat from event to event, so runs of
 * them are encoded once and copied; what differs per event is written between: dedupe key, id and time.
 * The order is that of the documentation: ours, those of a replay, then traceparent, then the caller's own.
 */
export class HeaderWriter {
  readonly #tenant: Buffer;
  readonly #id = encodedNames('event-id');
  readonly #topics = new Map<string, Map<string, Buffer>>();
  readonly #attempts = new Map<string, Buffer>();
  readonly #end: Buffer;
  #stamp: Stamp = { createdAt: '', ms: 0, text: '' };

  /** `producer`: value of x-producer-id, `<publisher id>@<batch id>`. */
  constructor(tenant: string, producer: string) {
    this.#tenant = run((writer) => {
      header(writer, 'tenant-id', tenant);
      writer.varintText('dedupe-key');
    });
    this.#end = run((writer) => {
      header(writer, 'x-schema-version', SCHEMA_VERSION);
      header(writer, 'x-producer-id', producer);
    });
  }

  /** The event's time of creation in ms since 1970: the message's timestamp. */
  timestamp(event: OutboxEvent): number {
    // Events enqueued in one transaction share their time: parsing it once saves 0.3 µs for each of the others.
    if (this.#stamp.createdAt !== event.createdAt) {
      const ms = Date.parse(event.createdAt);
      this.#stamp = { createdAt: event.createdAt, ms, text: String(ms) };
    }
    return this.#stamp.ms;
  }

  /** Appends the count of headers and the headers. */
  write(writer: ByteWriter, event: OutboxEvent): void {
    this.timestamp(event);
    const own = event.headers === null ? NO_HEADERS : Object.entries(event.headers);
    writer.varint(MANDATORY + (event.replay === undefined ? 0 : OF_REPLAY) + own.length);
    writer.bytes(this.#tenant);
    writer.varintText(event.dedupeKey);
    writer.bytes(this.#id);
    writer.varintText(event.id);
    writer.bytes(this.#kind(event));
    writer.varintText(event.createdAt);
    writer.bytes(this.#attempt(event));
    writer.varintText(this.#stamp.text);
    writer.bytes(this.#end);
    if (event.replay !== undefined) writeReplay(writer, event.replay);
    if (own.length > 0) writeOwn(writer, own);
  }

  /** event-type, event-topic and the name of event-created-at. */
  #kind({ topic, type }: OutboxEvent): Buffer {
    let types = this.#topics.get(topic);
    if (types === undefined) this.#topics.set(topic, (types = new Map()));
    let bytes = types.get(type);
    if (bytes === undefined) {
      bytes = run((writer) => {
        header(writer, 'event-type', type);
        header(writer, 'event-topic', topic);
        writer.varintText('event-created-at');
      });
      types.set(type, bytes);
    }
    return bytes;
  }

  /** content-type, retry-count, processing-attempt and the name of x-timestamp-ms. */
  #attempt({ contentType, attempts }: OutboxEvent): Buffer {
    const type = contentType ?? DEFAULT_CONTENT_TYPE;
    const known = `${attempts} ${type}`;
    let bytes = this.#attempts.get(known);
    if (bytes === undefined) {
      bytes = run((writer) => {
        header(writer, 'content-type', type);
        header(writer, 'retry-count', String(attempts));
        header(writer, 'processing-attempt', String(attempts + 1));
        writer.varintText('x-timestamp-ms');
      });
      this.#attempts.set(known, bytes);
    }
    return bytes;
  }
}

/** Headers that every event carries. */
const MANDATORY = 12;
const OF_REPLAY = 2;
const NO_HEADERS: readonly [string, string][] = [];

/** What tells a consumer that it has seen this event before, on purpose. */
function writeReplay(writer: ByteWriter, { replayId, count }: ReplayCopy): void {
  header(writer, 'outbox-replay-id', replayId);
  header(writer, 'outbox-replay-count', String(count));
}

function writeOwn(writer: ByteWriter, own: readonly (readonly [string, string])[]): void {
  for (const [name, value] of own) if (name === TRACEPARENT) header(writer, name, value);
  for (const [name, value] of own) if (name !== TRACEPARENT) header(writer, name, value);
}

function header(writer: ByteWriter, name: string, value: string): void {
  writer.varintText(name);
  writer.varintText(value);
}

function encodedNames(name: string): Buffer {
  return run((writer) => writer.varintText(name));
}

function run(write: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter(256);
  write(writer);
  return Buffer.from(writer.written());
}
