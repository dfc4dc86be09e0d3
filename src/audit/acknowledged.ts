import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { errorMessage, OutboxError } from '../domain/errors';

/** One line of the producers' own log: written by the producer after its 2xx or commit, never read back from the outbox. */
export const acknowledgedSchema = z.strictObject({
  tenant: z.string().min(1),
  /** Decimal string; null only for `maybe`, because the answer that named it was lost. */
  id: z
    .string()
    .regex(/^[0-9]+$/)
    .nullable(),
  dedupeKey: z.string().min(1),
  topic: z.string().min(1),
  type: z.string().min(1),
  key: z.string().nullable(),
  /** Rises within (tenant, key) between events enqueued one after another; equal for events enqueued at the same time. */
  order: z.number().int().nonnegative().optional(),
  /** Lower-case hex of the payload's SHA-256; null = tombstone. */
  payloadSha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  headers: z.record(z.string(), z.string()).optional(),
  /** As accepted; null = none was given. Left out: any will do, and a tombstone may have none. */
  contentType: z.string().nullable().optional(),
  /** ISO-8601. */
  ackedAt: z.string(),
  /** How it was produced, for a reader of the report: `sql`, `http`, … */
  source: z.string(),
  /** True when the answer was lost: the event may exist once or not at all. */
  maybe: z.boolean().optional(),
});

export type Acknowledged = z.infer<typeof acknowledgedSchema>;

/** An expected event and what was seen of it. */
export interface Expected extends Acknowledged {
  /** Copies seen without a replay id. */
  originals: number;
  /** Replay ids under which a copy was seen; null = none (most events: no set is allocated). */
  replays: Set<string> | null;
}

/**
 * Reads NDJSON logs line by line. A torn last line (its producer was killed while writing it) is not an acknowledgement
 * anyone acted on, so it is dropped; any other line that does not parse is CONFIG_INVALID.
 */
export async function* readAcknowledged(files: readonly string[]): AsyncGenerator<Acknowledged> {
  for (const file of files) {
    let torn: string | null = null;
    let line = 0;
    for await (const text of (await openLog(file)).readLines()) {
      line += 1;
      if (torn !== null) throw invalidLine(file, line - 1, torn);
      if (text.trim() === '') continue;
      const parsed = parseJson(text);
      if (parsed === undefined) torn = 'it is not JSON';
      else yield check(parsed, file, line);
    }
  }
}

async function openLog(file: string): Promise<FileHandle> {
  try {
    return await open(file);
  } catch (error) {
    throw new OutboxError(
      'CONFIG_INVALID',
      `The log ${file} cannot be read: ${errorMessage(error)}. Give the path of an NDJSON log.`,
      {
        cause: error,
      },
    );
  }
}

function check(parsed: unknown, file: string, line: number): Acknowledged {
  const result = acknowledgedSchema.safeParse(parsed);
  if (!result.success) throw invalidLine(file, line, z.prettifyError(result.error).replaceAll('\n', ' '));
  if (result.data.id === null && result.data.maybe !== true)
    throw invalidLine(file, line, 'id may be null only with maybe');
  return result.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function invalidLine(file: string, line: number, why: string): OutboxError {
  return new OutboxError(
    'CONFIG_INVALID',
    `Line ${line} of ${file} is no acknowledged event: ${why}. Give the log that the producers wrote, one JSON object a line.`,
  );
}

/** Everything that the producers were promised, found by (tenant, event id), or by (tenant, dedupe key) where the id was lost. */
export class AcknowledgedIndex {
  readonly #byId = new Map<string, Expected>();
  /** Others that got an id a second time: a fail-over had lost the first one. By dedupe key as well. */
  readonly #again = new Map<string, Expected>();
  readonly #maybe = new Map<string, Expected>();
  readonly #tenants = new Set<string>();
  readonly #topics = new Set<string>();

  /** The same event acknowledged twice (an idempotent retry) counts once; a sure answer outranks a lost one. */
  add(event: Acknowledged): void {
    this.#tenants.add(event.tenant);
    this.#topics.add(event.topic);
    if (event.maybe === true || event.id === null) {
      this.#maybe.set(pair(event.tenant, event.dedupeKey), { ...event, originals: 0, replays: null });
      return;
    }
    const id = pair(event.tenant, event.id);
    const known = this.#byId.get(id);
    if (known === undefined) this.#byId.set(id, { ...event, originals: 0, replays: null });
    else if (known.dedupeKey !== event.dedupeKey)
      this.#again.set(pair(id, event.dedupeKey), { ...event, originals: 0, replays: null });
  }

  find(tenant: string, id: string, dedupeKey: string): Expected | null {
    const again = this.#again.size === 0 ? undefined : this.#again.get(pair(pair(tenant, id), dedupeKey));
    return again ?? this.#byId.get(pair(tenant, id)) ?? this.#maybe.get(pair(tenant, dedupeKey)) ?? null;
  }

  /** Surely acknowledged events of which nothing was seen. */
  *unseen(): Generator<Expected> {
    for (const event of this.#sure()) if (event.originals === 0 && event.replays === null) yield event;
  }

  /** The acknowledged event of each of these ids, whatever its tenant. */
  owners(ids: ReadonlySet<string>): Map<string, Expected> {
    const owners = new Map<string, Expected>();
    if (ids.size === 0) return owners;
    for (const event of this.#sure()) if (event.id !== null && ids.has(event.id)) owners.set(event.id, event);
    return owners;
  }

  /** Surely acknowledged events, per tenant. */
  countByTenant(): Map<string, { accepted: number; maybe: number }> {
    const counts = new Map<string, { accepted: number; maybe: number }>();
    for (const tenant of this.#tenants) counts.set(tenant, { accepted: 0, maybe: 0 });
    for (const event of this.#sure()) counts.get(event.tenant)!.accepted += 1;
    for (const event of this.#maybe.values()) {
      // A retry that was answered later makes the lost answer irrelevant.
      if (!this.#knows(event)) counts.get(event.tenant)!.maybe += 1;
    }
    return counts;
  }

  get size(): number {
    return this.#byId.size + this.#again.size;
  }

  /** Events whose id another one has, too. */
  get idsGivenAgain(): number {
    return this.#again.size;
  }

  get tenants(): ReadonlySet<string> {
    return this.#tenants;
  }

  get topics(): ReadonlySet<string> {
    return this.#topics;
  }

  *#sure(): Generator<Expected> {
    yield* this.#byId.values();
    yield* this.#again.values();
  }

  #knows(maybe: Expected): boolean {
    return maybe.id !== null && this.#byId.has(pair(maybe.tenant, maybe.id));
  }
}

function pair(tenant: string, name: string): string {
  return `${tenant}\u0000${name}`;
}
