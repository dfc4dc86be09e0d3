import type { BlockedTopic } from '../kafka/topic-health';

/**
 * Topics that take nothing of one publisher, whose events are set aside.
 *
 *   flows ── it took nothing ──→ blocked ── a look found it well ──→ healed ── everything of it is back ──→ flows
 */
export class BlockedTopics {
  readonly all = new Map<string, BlockedTopic>();
  /** Those of them whose events are being brought back. */
  readonly healed = new Set<string>();
  /** The row does not say all of it yet. */
  changed = false;
  /** They were not looked at since somebody had reason to hope. */
  hoped = false;

  constructor(
    /** `all` has every topic of which events were aside when the publisher was attached. */
    public known: boolean,
  ) {}

  add(topic: BlockedTopic): void {
    this.healed.delete(topic.topic);
    if (this.all.get(topic.topic)?.code !== topic.code) this.changed = true;
    this.all.set(topic.topic, topic);
  }

  delete(topic: string): void {
    this.healed.delete(topic);
    if (this.all.delete(topic)) this.changed = true;
  }

  /** Topics were looked at, and these still take nothing. True if one of its own is well. */
  looked(topics: readonly BlockedTopic[], still: ReadonlyMap<string, BlockedTopic>): boolean {
    this.hoped = false;
    for (const { topic } of topics) {
      if (!this.all.has(topic)) continue;
      const sick = still.get(topic);
      if (sick !== undefined) this.add(sick);
      else this.healed.add(topic);
    }
    return this.healed.size > 0;
  }
}
