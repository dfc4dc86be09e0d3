import type { BlockedTopic } from '../../kafka/topic-health';
import type { RelayDeps } from '../deps';

/**
 * Looks anew at topics that took nothing, and answers those that still do not. Of those without admission only what the admission says, which
 * probes in its own time. Rejects if Kafka does not answer.
 */
export async function lookAgain(
  { kafka, admission }: Pick<RelayDeps, 'kafka' | 'admission'>,
  topics: readonly BlockedTopic[],
  slot: string,
): Promise<readonly BlockedTopic[]> {
  const unavailable = topics.filter(({ code }) => code === 'KAFKA_TOPIC_UNAVAILABLE');
  const others = topics.filter(({ code }) => code !== 'KAFKA_TOPIC_UNAVAILABLE');
  const refused = unavailable.length === 0 ? [] : await admission.refused(unavailable.map(({ topic }) => topic));
  return others.length === 0 ? refused : [...refused, ...(await kafka.lookAgain(others, slot))];
}
