import type { KafkaConfig, SASLOptions } from 'kafkajs';
import { OutboxError } from '../../domain/errors';

/** What is needed of a logger; pino's fits. Lines carry ids and names, never payloads, keys or secrets. */
export interface KafkaLogger {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
  debug(details: object, message: string): void;
}

export interface KafkaOptions {
  /** `host:port` each. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Part of every transactional id and of the ledger's name, so that two installations on one Kafka never meet. */
  readonly installId: string;
  readonly ssl?: KafkaConfig['ssl'];
  readonly sasl?: SASLOptions;
  /** Default 3 s. */
  readonly connectionTimeoutMs?: number;
  /** Longest wait for one answer. Default 8 s; must be below `transactionTimeoutMs`. */
  readonly requestTimeoutMs?: number;
  /** After this the coordinator aborts an abandoned transaction. Default 15 s. */
  readonly transactionTimeoutMs?: number;
  /** First part of the ledger's name. Default `outbox-ledger`. */
  readonly ledgerTopic?: string;
  readonly topics: {
    /** True if tenants may publish there. */
    readonly isAllowed: (topic: string) => boolean;
    /** Settings of topics created on demand; null = never create one. */
    readonly create: { readonly partitions: number; readonly replicationFactor: number | null } | null;
  };
  /** `plain`: the ordering key alone is the message key. Default: `tenant` (`<tenant>:<ordering key>`) for all. Tenants add to it. */
  readonly keyStyle?: (tenant: string, topic: string) => 'tenant' | 'plain';
  readonly logger: KafkaLogger;
}

/** The options with their defaults. */
export interface KafkaSettings extends Required<Omit<KafkaOptions, 'ssl' | 'sasl'>> {
  readonly ssl: KafkaConfig['ssl'];
  readonly sasl: SASLOptions | undefined;
}

/** @throws OutboxError CONFIG_INVALID if a request may take as long as a transaction. */
export function withDefaults(options: KafkaOptions): KafkaSettings {
  const settings = {
    connectionTimeoutMs: 3_000,
    requestTimeoutMs: 8_000,
    transactionTimeoutMs: 15_000,
    ledgerTopic: 'outbox-ledger',
    keyStyle: () => 'tenant',
    ssl: undefined,
    sasl: undefined,
    ...(Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as KafkaOptions),
    // A copy, because kafkajs writes its authenticator into it, and the configuration is frozen.
    ...(options.sasl !== undefined && { sasl: { ...options.sasl } }),
  } satisfies KafkaSettings;
  if (settings.requestTimeoutMs >= settings.transactionTimeoutMs) {
    throw new OutboxError(
      'CONFIG_INVALID',
      `Kafka's request time-out (${settings.requestTimeoutMs} ms) must be shorter than the transaction time-out ` +
        `(${settings.transactionTimeoutMs} ms). Lower the one or raise the other.`,
    );
  }
  return settings;
}
