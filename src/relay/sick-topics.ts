import type { BlockedTopic } from '../kafka/topic-health';

const FIRST_WAIT_MS = 1_000;
const MOST_WAIT_MS = 60_000;

interface Sick {
  topic: BlockedTopic;
  /** ms since epoch. */
  at: number;
  waitMs: number;
}

/** Topics that take nothing, of all publishers of a relay, and when each is looked at again: after 1 s, then after twice as long each time. */
export class SickTopics {
  readonly #sick = new Map<string, Sick>();

  get size(): number {
    return this.#sick.size;
  }

  /** Why it takes nothing; null = nothing is known against it. */
  get(topic: string): BlockedTopic | null {
    return this.#sick.get(topic)?.topic ?? null;
  }

  /** It took nothing. */
  add(topic: BlockedTopic, now: number): void {
    const known = this.#sick.get(topic.topic);
    if (known !== undefined) known.topic = topic;
    else this.#sick.set(topic.topic, { topic, at: now + FIRST_WAIT_MS, waitMs: FIRST_WAIT_MS });
  }

  /** Somebody has reason to hope: it is looked at now. */
  hurry(topic: BlockedTopic, now: number): void {
    this.add(topic, now);
    const known = this.#sick.get(topic.topic) as Sick;
    known.at = now;
  }

  /** Those of these that are known are looked at now. */
  hurryIf(isWell: (topic: BlockedTopic) => boolean, now: number): void {
    for (const sick of this.#sick.values()) if (isWell(sick.topic)) sick.at = Math.min(sick.at, now);
  }

  /** Those that are to be looked at; if they are not well their next turn is later. */
  due(now: number): BlockedTopic[] {
    return [...this.#sick.values()].flatMap((sick) => {
      if (sick.at > now) return [];
      sick.waitMs = Math.min(MOST_WAIT_MS, sick.waitMs * 2);
      sick.at = now + sick.waitMs;
      return [sick.topic];
    });
  }

  /** ms until the next is due. */
  waitMs(now: number): number {
    let next = Infinity;
    for (const { at } of this.#sick.values()) next = Math.min(next, at);
    return Math.max(0, next - now);
  }

  delete(topic: string): void {
    this.#sick.delete(topic);
  }
}
