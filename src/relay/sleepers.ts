import { errorMessage } from '../domain/errors';
import { publisherId } from '../domain/publisher';
import type { PublisherRef } from '../domain/publisher';
import type { BlockedTopic } from '../kafka/topic-health';
import { blockedTopics, dueForTopics, wakeForTopics } from '../postgres/relay/blocked';
import { lookAgain } from './admission/look-again';
import type { RelayDeps } from './deps';

const AT_ONCE = 100;

/**
 * Looks at the topics for which events of sleeping publishers wait, each in its turn, and wakes those of whom one is well again. One that waits
 * for long is woken once: a topic that takes nothing counts for the breaker when nothing else of the publisher succeeds.
 */
export class Sleepers {
  #looking: Promise<void> | null = null;

  constructor(private readonly deps: RelayDeps) {}

  /** Begins a look, unless the last one is still waiting for Kafka. */
  look(): void {
    this.#looking ??= this.#look()
      .catch((error: unknown) => {
        this.deps.observer.note('topics of sleeping publishers could not be looked at', { error: errorMessage(error) });
      })
      .finally(() => {
        this.#looking = null;
      });
  }

  async stop(): Promise<void> {
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { db } = this.deps;
    const topics = new Map<string, BlockedTopic>();
    const waiting = new Map<string, { readonly ref: PublisherRef; readonly topics: readonly string[] }>();
    const woken: PublisherRef[] = [];
    for (const { long, ...ref } of await dueForTopics(db, AT_ONCE)) {
      const own = await blockedTopics(db, ref);
      // Brought back, or skipped, since it went to sleep; or its drain is to fail, for nothing else of it flows.
      if (own.length === 0 || long) woken.push(ref);
      for (const { topic, code } of own) {
        topics.set(topic, { topic, code: code ?? 'KAFKA_TOPIC_FORBIDDEN', reason: `Topic "${topic}" took nothing.` });
      }
      waiting.set(publisherId(ref), { ref, topics: own.map(({ topic }) => topic) });
    }
    if (topics.size > 0) {
      const still = new Set((await lookAgain(this.deps, [...topics.values()], 'sleepers')).map(({ topic }) => topic));
      for (const { ref, topics: own } of waiting.values()) if (own.some((topic) => !still.has(topic))) woken.push(ref);
    }
    await wakeForTopics(db, woken);
  }
}
