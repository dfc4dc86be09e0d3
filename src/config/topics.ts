import type { Config } from './shape';

/**
 * True if tenants may publish to this topic: allowed by a pattern, not internal to Kafka (`__…`), not the ledger.
 * The form of the name is checked elsewhere (`TOPIC_PATTERN`).
 */
export function isTopicAllowed(rules: Pick<Config['topics'], 'allow' | 'ledgerTopic'>, topic: string): boolean {
  if (topic.startsWith('__') || topic === rules.ledgerTopic) return false;
  return rules.allow.some((pattern) => pattern.test(topic));
}

/** True if messages of this tenant and topic carry the ordering key alone. */
export function hasPlainKey(rules: Pick<Config['topics'], 'plainKeys'>, tenant: string, topic: string): boolean {
  return rules.plainKeys.some(
    (pair) => (pair.tenant === '*' || pair.tenant === tenant) && (pair.topic === '*' || pair.topic === topic),
  );
}
