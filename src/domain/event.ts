/** An event as the drain sees it: everything that is sent, nothing that is not. */
export interface OutboxEvent {
  /** Decimal string of the bigint `event_id`: ids never pass through a JavaScript number. */
  readonly id: string;
  readonly tenant: string;
  readonly dedupeKey: string;
  readonly topic: string;
  readonly type: string;
  /** Ordering key; null = no order promised. */
  readonly key: string | null;
  readonly headers: Readonly<Record<string, string>> | null;
  /** Exact bytes; null = tombstone. */
  readonly payload: Buffer | null;
  readonly contentType: string | null;
  /** ISO-8601 in UTC with milliseconds. */
  readonly createdAt: string;
  /** How many sends of this very event were refused so far. */
  readonly attempts: number;
  readonly lane: Lane;
  /** Set for a copy that a replay publishes; absent for the event itself. */
  readonly replay?: ReplayCopy;
}

export interface ReplayCopy {
  /** Decimal string; names the copy within its batch and in outbox.replay_events. */
  readonly copyId: string;
  readonly replayId: string;
  /** How many replays of this event there were, this one included. */
  readonly count: number;
}

/** What names a member of a batch: by their event's id alone, two copies of one event would be taken for each other. */
export function memberId(event: OutboxEvent): string {
  return event.replay === undefined ? event.id : `${event.id}/${event.replay.copyId}`;
}

export type Lane = 'live' | 'replay';

export type EventStatus = 'pending' | 'published' | 'failed' | 'skipped';

/** Limits that hold on every way in (SQL functions, library, HTTP). Changing one means a migration. */
export const EVENT_LIMITS = {
  tenantLength: 100,
  topicLength: 249,
  typeLength: 255,
  keyLength: 1024,
  dedupeKeyLength: 255,
  headerCount: 64,
  headerNameLength: 255,
  headerValueLength: 4096,
  contentTypeLength: 255,
  /** 512 KiB: well below Kafka's default max.message.bytes of 1 MiB, headers included. */
  payloadBytes: 524_288,
} as const;

/** What the `content-type` header says of bytes (or a tombstone) that came without one: the header is always there. */
export const DEFAULT_CONTENT_TYPE = 'application/octet-stream';

export const TENANT_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
export const TOPIC_PATTERN = /^[A-Za-z0-9._-]{1,249}$/;

/** Header names that the publisher itself writes; a caller's own header may not use them (compared in lower case). */
export const RESERVED_HEADERS: readonly string[] = [
  'tenant-id',
  'dedupe-key',
  'event-id',
  'event-type',
  'event-topic',
  'event-created-at',
  'content-type',
  'retry-count',
  'processing-attempt',
  'x-timestamp-ms',
  'x-schema-version',
  'x-producer-id',
];
export const RESERVED_HEADER_PREFIXES: readonly string[] = ['outbox-', 'ce_'];
