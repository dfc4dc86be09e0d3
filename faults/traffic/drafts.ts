import { createHash } from 'node:crypto';
import type { Acknowledged } from '../../src/audit/acknowledged';
import type { Random } from './random';

/** An event before it is enqueued. */
export interface Draft {
  readonly tenant: string;
  readonly topic: string;
  readonly type: string;
  readonly key: string | null;
  readonly dedupeKey: string;
  readonly headers: Readonly<Record<string, string>> | null;
  /** JSON text, bytes, or null for a tombstone. */
  readonly payload: string | Buffer | null;
}

const TEXTS = ['plain', 'Grüße', '数据', '🚚', 'a"b\\c', 'line\nbreak'];

/** Makes drafts of all kinds: JSON with wide numbers and other scripts, raw bytes, tombstones, with and without headers. */
export class DraftMaker {
  #count = 0;

  constructor(
    private readonly random: Random,
    /** Distinguishes the dedupe keys of this run and actor from all others. */
    private readonly prefix: string,
  ) {}

  make(tenant: string, topic: string, key: string | null): Draft {
    this.#count += 1;
    const dedupeKey = `${this.prefix}-${this.#count}`;
    const headers = this.random.chance(0.3)
      ? { region: this.random.pick(['eu', 'us']), attempt: String(this.#count) }
      : null;
    return {
      tenant,
      topic,
      type: this.random.pick(['order.created', 'order.paid']),
      key,
      dedupeKey,
      headers,
      payload: this.#payload(dedupeKey),
    };
  }

  #payload(dedupeKey: string): Draft['payload'] {
    const kind = this.random.next();
    if (kind < 0.03) return null;
    if (kind < 0.1) return Buffer.from(Array.from({ length: this.random.int(0, 300) }, () => this.random.int(0, 255)));
    const pad = 'x'.repeat(this.random.int(0, 600));
    // A number that JavaScript cannot hold: it must arrive digit by digit.
    return `{"n":9007199254740993,"of":${JSON.stringify(dedupeKey)},"text":${JSON.stringify(this.random.pick(TEXTS))},"pad":"${pad}"}`;
  }
}

export function payloadBytes(draft: Draft): Buffer | null {
  return typeof draft.payload === 'string' ? Buffer.from(draft.payload) : draft.payload;
}

/** What both ways in are told about each kind of payload; nothing for a tombstone. */
export function contentTypeOf({ payload }: Draft): string | null {
  if (payload === null) return null;
  return typeof payload === 'string' ? 'application/json' : 'application/octet-stream';
}

/** The log entry of a draft that was accepted. */
export function acknowledge(
  draft: Draft,
  outcome: {
    readonly id: string | null;
    readonly order: number | null;
    readonly source: string;
    readonly maybe?: boolean;
  },
): Acknowledged {
  const bytes = payloadBytes(draft);
  return {
    tenant: draft.tenant,
    id: outcome.id,
    dedupeKey: draft.dedupeKey,
    topic: draft.topic,
    type: draft.type,
    key: draft.key,
    ...(outcome.order !== null && { order: outcome.order }),
    payloadSha256: bytes === null ? null : createHash('sha256').update(bytes).digest('hex'),
    ...(draft.headers !== null && { headers: { ...draft.headers } }),
    contentType: contentTypeOf(draft),
    ackedAt: new Date().toISOString(),
    source: outcome.source,
    ...(outcome.maybe === true && { maybe: true }),
  };
}
