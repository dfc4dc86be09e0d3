import type { Config } from '../config';
import { hasPlainKey, isTopicAllowed } from '../config';
import type { KafkaOptions } from '../sinks/kafka/options';
import type { Foundation } from './foundation';

/** What is known of Kafka: the same for all that speak to it. */
export function kafkaOptions(config: Config, foundation: Foundation): KafkaOptions {
  const { logger } = foundation;
  const { kafka, topics } = config;
  return {
    brokers: [...foundation.kafkaBrokers],
    clientId: 'temporal-outbox',
    installId: foundation.installId,
    ...(kafka.ssl === null ? {} : { ssl: sslOf(kafka.ssl) }),
    ...(kafka.sasl === null ? {} : { sasl: kafka.sasl }),
    requestTimeoutMs: kafka.requestTimeoutMs,
    transactionTimeoutMs: kafka.transactionTimeoutMs,
    ledgerTopic: kafka.ledgerTopic,
    topics: {
      isAllowed: (topic) => isTopicAllowed(topics, topic),
      create: topics.create ? { partitions: topics.partitions, replicationFactor: topics.replication } : null,
    },
    keyStyle: (tenant, topic) => (hasPlainKey(topics, tenant, topic) ? 'plain' : 'tenant'),
    logger,
  };
}

function sslOf(ssl: NonNullable<Config['kafka']['ssl']>): { ca?: string[]; cert?: string; key?: string } {
  return {
    ...(ssl.ca === null ? {} : { ca: [ssl.ca] }),
    ...(ssl.cert === null ? {} : { cert: ssl.cert }),
    ...(ssl.key === null ? {} : { key: ssl.key }),
  };
}
