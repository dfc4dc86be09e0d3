import { createHash } from 'node:crypto';
import type { AcknowledgedIndex, Expected } from './acknowledged';
import { headerFaults, headerText, replayId } from './headers';
import { Findings } from './report';
import type { AuditedRecord, TopicVisitor } from '../sinks/kafka/topic-reader';

/** What was seen last of one (tenant, topic, ordering key). */
interface KeyState {
  order: number;
  eventId: string;
  readonly partition: number;
}

/** A record that no acknowledgement under its own tenant explains; judged at the end, when it is known what is missing. */
interface Stray {
  readonly tenant: string;
  readonly id: string;
  readonly dedupeKey: string;
  readonly place: string;
}

/** Most strays to remember: beyond that the run is broken anyway and only the count matters. */
const STRAYS = 10_000;

/** Judges records as they are read; `finish` judges what only the end can tell. */
export class RecordChecks implements TopicVisitor {
  readonly findings = new Findings();
  readonly counts = { committed: 0, aborted: 0, replays: 0, seen: 0, maybeSeen: 0, foreign: 0 };
  /** Distinct copies seen of each replay, by tenant and replay id as one text. */
  readonly replays = new Map<string, number>();
  readonly #keys = new Map<string, KeyState>();
  readonly #strays: Stray[] = [];
  #strayCount = 0;

  constructor(
    private readonly expected: AcknowledgedIndex,
    /** True where the message key is the ordering key alone, without the tenant. */
    private readonly hasPlainKey: (tenant: string, topic: string) => boolean,
  ) {}

  aborted(): void {
    this.counts.aborted += 1;
  }

  committed(topic: string, partition: number, record: AuditedRecord): void {
    this.counts.committed += 1;
    const place = `${topic}/${partition}@${record.offset}`;
    const tenant = headerText(record.headers, 'tenant-id') ?? '';
    const id = headerText(record.headers, 'event-id') ?? '';
    const dedupeKey = headerText(record.headers, 'dedupe-key') ?? '';
    const event = this.expected.find(tenant, id, dedupeKey);
    if (event === null) {
      this.#strayCount += 1;
      if (this.#strays.length < STRAYS) this.#strays.push({ tenant, id, dedupeKey, place });
      return;
    }
    this.#checkCopies(event, id, replayId(record.headers), place);
    this.#checkPlace(event, topic, record, place);
    this.#checkPayload(event, record.value, place);
    for (const fault of headerFaults(record.headers, event, topic)) {
      this.findings.add('headerFaults', `${describe(event)} at ${place}: ${fault}`);
    }
    if (replayId(record.headers) === null && event.originals === 1)
      this.#checkOrder(event, id, topic, partition, place);
  }

  /** Call after everything was read. `explained` tells of a missing event why it rightly is not in Kafka, else null. */
  finish(explained: (event: Expected) => string | null = () => null): void {
    for (const event of this.expected.unseen()) {
      if (explained(event) === null)
        this.findings.add('missing', `${describe(event)} of topic ${event.topic}, acknowledged ${event.ackedAt}`);
    }
    const owners = this.expected.owners(new Set(this.#strays.map(({ id }) => id)));
    for (const stray of this.#strays) {
      const owner = owners.get(stray.id);
      const text = `event ${stray.id} (dedupe key ${stray.dedupeKey}) of tenant "${stray.tenant}" at ${stray.place}`;
      if (owner?.dedupeKey === stray.dedupeKey)
        this.findings.add('wrongTenant', `${text}; it belongs to ${owner.tenant}`);
      else if (this.expected.tenants.has(stray.tenant)) this.findings.add('unexpected', text);
      else this.counts.foreign += 1;
    }
    const untold = this.#strayCount - this.#strays.length;
    if (untold > 0) this.findings.add('unexpected', `and ${untold} more records that nobody acknowledged`);
  }

  #checkCopies(event: Expected, id: string, replay: string | null, place: string): void {
    if (event.originals === 0 && event.replays === null) {
      this.counts.seen += event.maybe === true ? 0 : 1;
      this.counts.maybeSeen += event.maybe === true ? 1 : 0;
    }
    if (replay === null) {
      event.originals += 1;
      if (event.originals > 1)
        this.findings.add('duplicates', `${describe(event)} (id ${id}), copy ${event.originals} at ${place}`);
      return;
    }
    this.counts.replays += 1;
    event.replays ??= new Set();
    if (!event.replays.has(replay)) {
      const name = replayName(event.tenant, replay);
      this.replays.set(name, (this.replays.get(name) ?? 0) + 1);
    } else this.findings.add('duplicates', `${describe(event)}, again under replay ${replay} at ${place}`);
    event.replays.add(replay);
  }

  #checkPlace(event: Expected, topic: string, record: AuditedRecord, place: string): void {
    if (event.topic !== topic)
      this.findings.add('wrongTenant', `${describe(event)} at ${place} belongs on topic ${event.topic}`);
    const key = record.key?.toString('utf8') ?? null;
    const prefixed = `${event.tenant}:${event.key ?? event.dedupeKey}`;
    const expected = this.hasPlainKey(event.tenant, topic) ? (event.key ?? key) : prefixed;
    if (key === expected) return;
    const kind = key?.startsWith(`${event.tenant}:`) === true ? 'headerFaults' : 'wrongTenant';
    this.findings.add(kind, `${describe(event)} at ${place}: message key is ${JSON.stringify(key)}, not "${expected}"`);
  }

  #checkPayload(event: Expected, value: Buffer | null, place: string): void {
    const hash = value === null ? null : createHash('sha256').update(value).digest('hex');
    if (hash !== event.payloadSha256) {
      this.findings.add(
        'payloadDiffers',
        `${describe(event)} at ${place}: sha256 ${hash}, accepted ${event.payloadSha256}`,
      );
    }
  }

  /** Only the first copy counts: a duplicate is reported as one, not as a break of order as well. */
  #checkOrder(event: Expected, id: string, topic: string, partition: number, place: string): void {
    if (event.key === null || event.order === undefined) return;
    const name = `${event.tenant}\u0000${topic}\u0000${event.key}`;
    const last = this.#keys.get(name);
    if (last === undefined) {
      this.#keys.set(name, { order: event.order, eventId: id, partition });
      return;
    }
    if (last.partition !== partition) {
      this.findings.add(
        'orderBreaks',
        `${describe(event)} at ${place}: its key is also in partition ${last.partition}`,
      );
    } else if (event.order < last.order) {
      this.findings.add(
        'orderBreaks',
        `${describe(event)} at ${place}: number ${event.order} after ${last.order} (event ${last.eventId})`,
      );
    } else {
      last.order = event.order;
      last.eventId = id;
    }
  }
}

/** Names a replay of a tenant; no tenant has a blank. */
export function replayName(tenant: string, replay: string): string {
  return `${tenant} ${replay}`;
}

/**
 * What is wrong with replays by both sides: each copy that the outbox calls published is in Kafka, and no other. Counts by
 * `replayName`; that no pair of event and replay comes twice is found while reading.
 */
export function differentReplays(seen: ReadonlyMap<string, number>, stored: ReadonlyMap<string, number>): string[] {
  const names = [...new Set([...seen.keys(), ...stored.keys()])].sort();
  return names.flatMap((name) => {
    const [kafka, outbox] = [seen.get(name) ?? 0, stored.get(name) ?? 0];
    return kafka === outbox ? [] : [`replay ${name}: ${kafka} events in Kafka, ${outbox} published by the outbox`];
  });
}

function describe(event: Expected): string {
  return `${event.tenant} event ${event.id ?? '?'} (${event.source}, key ${event.key ?? 'none'}, dedupe key ${event.dedupeKey})`;
}
