import type { OutboxEvent } from '../domain/event';
import { ASIDE_LANE, BLOCKED_LANE } from '../postgres/hold-key';
import { compareIds } from './id-queue';

interface MetEvent {
  readonly lane: number;
  readonly revision: number;
}

/**
 * Events of one publisher that claims have met, that must wait and that Postgres does not have aside yet. Until then, and for the claims that
 * began before it, later events of their keys and topics are known by this alone.
 *
 *   met ── set aside ──→ forgotten when the next claim begins          met ── an operator's change ──→ looked at again
 */
export class MetAside {
  readonly #events = new Map<string, MetEvent>();
  /** The lowest id of each key, and of each topic. */
  readonly #keys = new Map<string, string>();
  readonly #topics = new Map<string, string>();

  get size(): number {
    return this.#events.size;
  }

  has(id: string): boolean {
    return this.#events.has(id);
  }

  add(event: OutboxEvent, lane: number, revision: number): void {
    this.#events.set(event.id, { lane, revision });
    if (lane === ASIDE_LANE && event.key !== null) lower(this.#keys, event.key, event.id);
    if (lane === BLOCKED_LANE) lower(this.#topics, event.topic, event.id);
  }

  /** Where an event belongs for what was met before it; 0 = it may go. */
  laneOf({ id, key, topic }: OutboxEvent): number {
    if (key !== null && isAfter(id, this.#keys.get(key))) return ASIDE_LANE;
    return isAfter(id, this.#topics.get(topic)) ? BLOCKED_LANE : 0;
  }

  /** Some of them that were met under one revision. */
  take(most: number): {
    readonly revision: number;
    readonly events: readonly { readonly id: string; readonly lane: number }[];
  } | null {
    const [first] = this.#events.values();
    if (first === undefined) return null;
    const events: { id: string; lane: number }[] = [];
    for (const [id, { lane, revision }] of this.#events) {
      if (revision !== first.revision || events.length === most) break;
      events.push({ id, lane });
    }
    return { revision: first.revision, events };
  }

  written(events: readonly { readonly id: string }[]): void {
    for (const { id } of events) this.#events.delete(id);
  }

  /** A claim begins: it sees what is written. */
  claimBegins(): void {
    if (this.#events.size > 0) return;
    this.#keys.clear();
    this.#topics.clear();
  }

  /** They are to be looked at again: answers their ids. */
  clear(): string[] {
    const ids = [...this.#events.keys()];
    this.#events.clear();
    this.#keys.clear();
    this.#topics.clear();
    return ids;
  }
}

function lower(map: Map<string, string>, name: string, id: string): void {
  const known = map.get(name);
  if (known === undefined || compareIds(id, known) < 0) map.set(name, id);
}

function isAfter(id: string, first: string | undefined): boolean {
  return first !== undefined && compareIds(id, first) > 0;
}
