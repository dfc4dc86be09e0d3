import type { KafkaConfig, SASLOptions } from 'kafkajs';
import { OutboxError } from '../../domain/errors';

/** What the sink needs of a logger; pino's fits. Lines carry ids and names, never payloads, keys or secrets. */
export interface KafkaSinkLogger {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
  debug(details: object, message: string): void;
}

/** How a transaction ended: acknowledged, surely not committed, unknown, or refused because a newer epoch exists. */
export type TransactionOutcome = 'committed' | 'aborted' | 'indefinite' | 'fenced';

export interface KafkaSinkOptions {
  /** `host:port` each. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Part of every transactional id and ledger group, so that two installations on one Kafka never meet. */
  readonly installId: string;
  readonly ssl?: KafkaConfig['ssl'];
  readonly sasl?: SASLOptions;
  /** Default 3 s. */
  readonly connectionTimeoutMs?: number;
  /** Longest wait for one answer. Default 8 s; must be below `transactionTimeoutMs`. */
  readonly requestTimeoutMs?: number;
  /** After this the coordinator aborts an abandoned transaction. Default 15 s. */
  readonly transactionTimeoutMs?: number;
  /** Default `outbox-ledger`. Created with one partition when missing. */
  readonly ledgerTopic?: string;
  readonly topics: {
    /** True if tenants may publish there. */
    readonly isAllowed: (topic: string) => boolean;
    /** Settings of topics created on demand; null = never create one. */
    readonly create: { readonly partitions: number; readonly replicationFactor: number | null } | null;
  };
  /** Most bytes of one produce request (a larger single record still goes, up to the topic's limit). Default 900 kB. */
  readonly maxSendBytes?: number;
  /** `plain`: the ordering key alone is the message key. Default: `tenant` (`<tenant>:<ordering key>`) for all. Tenants add to it. */
  readonly keyStyle?: (tenant: string, topic: string) => 'tenant' | 'plain';
  readonly logger: KafkaSinkLogger;
  readonly onTransaction?: (outcome: TransactionOutcome) => void;
  /** A session took over after an earlier one of this process had been thrown away: the error code that ended it. */
  readonly onReinit?: (reason: string) => void;
}

/** The options with their defaults. */
export interface KafkaSettings extends Required<Omit<KafkaSinkOptions, 'ssl' | 'sasl'>> {
  readonly ssl: KafkaConfig['ssl'];
  readonly sasl: SASLOptions | undefined;
}

/** @throws OutboxError CONFIG_INVALID if a request may take as long as a transaction. */
export function withDefaults(options: KafkaSinkOptions): KafkaSettings {
  const settings = {
    connectionTimeoutMs: 3_000,
    requestTimeoutMs: 8_000,
    transactionTimeoutMs: 15_000,
    ledgerTopic: 'outbox-ledger',
    maxSendBytes: 900_000,
    keyStyle: () => 'tenant',
    onTransaction: () => undefined,
    onReinit: () => undefined,
    ssl: undefined,
    sasl: undefined,
    ...(Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as KafkaSinkOptions),
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
