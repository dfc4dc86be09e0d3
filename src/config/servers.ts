import {
  boolean,
  hostAndPort,
  hostsAndPorts,
  integer,
  oneOf,
  patterns,
  postgresUrl,
  tenantTopicPairs,
  text,
  duration,
} from './parsers';
import { optional, withDefault } from './variables';

/** Variables that say where the three servers are, how to reach them, and which Kafka topics may be used. */

const PEM = /^-----BEGIN [A-Z ]+-----[\s\S]+-----END [A-Z ]+-----\s*$/;
const pem = text(PEM, 'PEM text (or name its file in the variable with _FILE)');
const topicName = text(/^[A-Za-z0-9._-]{1,249}$/, 'a Kafka topic name (letters, digits, ".", "_", "-", at most 249)');
const anyText = text(/^[^\0\r\n]{1,4096}$/, 'one line of text');

export const serverVariables = {
  DATABASE_URL: optional(postgresUrl(), {
    section: 'Postgres',
    about: 'The Postgres server. Unset = an embedded server is started. TLS through `sslmode` in the URL.',
    secret: true,
  }),
  DATABASE_DIRECT_URL: optional(postgresUrl(), {
    section: 'Postgres',
    about: 'A URL that bypasses the pooler, for LISTEN, migrations and locks. Default: `DATABASE_URL`.',
    secret: true,
  }),
  DATABASE_SSL_CA: optional(pem, {
    section: 'Postgres',
    about: 'Certificate authority (PEM) that signed the server certificate.',
    file: true,
  }),
  OUTBOX_POSTGRES_POOL: withDefault(integer(2, 1_000), '20', {
    section: 'Postgres',
    about: 'Most connections of one process.',
  }),

  KAFKA_BROKERS: optional(hostsAndPorts(), {
    section: 'Kafka',
    about: 'Bootstrap brokers, `host:port,host:port`. Unset = an embedded broker is started.',
  }),
  KAFKA_SSL: withDefault(boolean(), 'false', { section: 'Kafka', about: 'Connect with TLS.' }),
  KAFKA_SSL_CA: optional(pem, { section: 'Kafka', about: 'Certificate authority (PEM); implies TLS.', file: true }),
  KAFKA_SSL_CERT: optional(pem, { section: 'Kafka', about: 'Client certificate (PEM) for mutual TLS.', file: true }),
  KAFKA_SSL_KEY: optional(pem, { section: 'Kafka', about: 'Key of the client certificate (PEM).', secret: true }),
  KAFKA_SASL_MECHANISM: optional(oneOf('plain', 'scram-sha-256', 'scram-sha-512'), {
    section: 'Kafka',
    about: '`plain`, `scram-sha-256` or `scram-sha-512`. Unset = no authentication.',
  }),
  KAFKA_SASL_USERNAME: optional(anyText, { section: 'Kafka', about: 'User name for SASL.' }),
  KAFKA_SASL_PASSWORD: optional(anyText, { section: 'Kafka', about: 'Password for SASL.', secret: true }),
  OUTBOX_KAFKA_REQUEST_TIMEOUT: withDefault(duration(500, 300_000), '8s', {
    section: 'Kafka',
    about: 'Longest wait for one answer of a broker; must be shorter than the transaction time-out.',
  }),
  OUTBOX_KAFKA_TRANSACTION_TIMEOUT: withDefault(duration(1_000, 900_000), '15s', {
    section: 'Kafka',
    about: 'After this the broker aborts an abandoned transaction; until then readers of its topics wait.',
  }),
  OUTBOX_LEDGER_TOPIC: withDefault(topicName, 'outbox-ledger', {
    section: 'Kafka',
    about:
      "The relays' ledger is the topic of this name, a dot and the installation's id. Never delete it; no event goes to a topic of this name.",
  }),

  OUTBOX_TOPIC_ALLOW: withDefault(patterns(), '.*', {
    section: 'Topics',
    about:
      'Regular expressions of the topics that tenants may use, comma-separated, each matching a whole name. Topics starting with `__` and the ledger topic are never allowed.',
  }),
  OUTBOX_TOPIC_CREATE: withDefault(boolean(), 'false', {
    section: 'Topics',
    about: 'Create a missing topic when an event needs it.',
  }),
  OUTBOX_TOPIC_PARTITIONS: withDefault(integer(1, 10_000), '6', {
    section: 'Topics',
    about: 'Partitions of a topic created on demand.',
  }),
  OUTBOX_TOPIC_REPLICATION: optional(integer(1, 32), {
    section: 'Topics',
    about: "Replicas of a topic created on demand. Default: the broker's.",
  }),
  OUTBOX_KAFKA_KEY_PLAIN: optional(tenantTopicPairs(), {
    section: 'Topics',
    about:
      '`tenant/topic` pairs, comma-separated (`*` = any), whose message key is the ordering key alone instead of `<tenant>:<ordering key>`.',
  }),

  TEMPORAL_ADDRESS: optional(hostAndPort(), {
    section: 'Temporal',
    about:
      'The Temporal server, `host:port`. Unset = an embedded server is started. TLS and API key: the Temporal environment configuration (`TEMPORAL_TLS…`, `TEMPORAL_API_KEY`, `TEMPORAL_PROFILE`).',
  }),
  TEMPORAL_NAMESPACE: withDefault(anyText, 'default', { section: 'Temporal', about: 'Namespace of the workflows.' }),
  OUTBOX_TASK_QUEUE: withDefault(anyText, 'temporal-outbox', {
    section: 'Temporal',
    about: 'Task queue of the workers.',
  }),
  OUTBOX_MAX_HISTORY_EVENTS: withDefault(integer(50, 50_000), '500', {
    section: 'Temporal',
    about:
      'A publisher continues as new at this length of its history. A worker that takes over from another replays each history within 10 s, so long ones keep a busy worker from ever getting there.',
  }),
};
