import type { QuotaConfig } from '../domain/quota';
import type { Values } from './schema';

/** The configuration by concern. Durations are in ms, sizes in bytes; null = not given. */
export interface Config {
  readonly database: {
    /** null = start the embedded server. */
    readonly url: string | null;
    /** For LISTEN, migrations and locks; the same as `url` unless given. */
    readonly directUrl: string | null;
    readonly sslCa: string | null;
    readonly poolSize: number;
  };
  readonly kafka: {
    readonly brokers: readonly string[] | null;
    readonly ssl: { readonly ca: string | null; readonly cert: string | null; readonly key: string | null } | null;
    readonly sasl: {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
      readonly username: string;
      readonly password: string;
    } | null;
    readonly requestTimeoutMs: number;
    readonly transactionTimeoutMs: number;
    readonly ledgerTopic: string;
  };
  readonly topics: {
    readonly allow: readonly RegExp[];
    /** Never allowed for events. */
    readonly ledgerTopic: string;
    readonly create: boolean;
    readonly partitions: number;
    /** null = the broker's default. */
    readonly replication: number | null;
    /** `*` stands for any. */
    readonly plainKeys: readonly { readonly tenant: string; readonly topic: string }[];
  };
  readonly temporal: {
    readonly address: string | null;
    readonly namespace: string;
    readonly taskQueue: string;
    readonly maxHistoryEvents: number;
  };
  readonly api: {
    readonly host: string;
    readonly port: number;
    readonly adminPort: number;
    readonly adminKey: string | null;
    readonly bodyLimit: number;
    readonly batchBodyLimit: number;
    readonly batchLimit: number;
  };
  readonly worker: { readonly host: string; readonly port: number };
  readonly relays: {
    readonly batchEvents: number;
    readonly batchBytes: number;
    readonly mains: number;
    /** Null = as many as there are. */
    readonly total: number | null;
    readonly lingerMs: number;
    readonly singleBroker: boolean;
  };
  readonly breaker: { readonly threshold: number; readonly resetMs: number };
  readonly quota: QuotaConfig;
  readonly ingest: {
    readonly ratePerSecond: number | null;
    readonly burst: number;
    readonly maxPending: number | null;
  };
  readonly retention: { readonly keepMs: number; readonly intervalMs: number };
  readonly metrics: { readonly tenants: number; readonly intervalMs: number };
  readonly sweep: { readonly intervalMs: number; readonly wakesPerSecond: number };
  readonly cli: { readonly adminUrl: string };
  readonly shutdownGraceMs: number;
  readonly logLevel: Values['OUTBOX_LOG_LEVEL'];
  readonly dataDir: string;
  /** Names that look like typing mistakes; log them once. */
  readonly warnings: readonly string[];
}

/** Arranges the flat variables by concern. */
export function shape(v: Values, warnings: readonly string[]): Config {
  const ssl = v.KAFKA_SSL || v.KAFKA_SSL_CA !== undefined || v.KAFKA_SSL_CERT !== undefined;
  return deepFreeze({
    database: {
      url: v.DATABASE_URL ?? null,
      directUrl: v.DATABASE_DIRECT_URL ?? v.DATABASE_URL ?? null,
      sslCa: v.DATABASE_SSL_CA ?? null,
      poolSize: v.OUTBOX_POSTGRES_POOL,
    },
    kafka: {
      brokers: v.KAFKA_BROKERS ?? null,
      ssl: ssl ? { ca: v.KAFKA_SSL_CA ?? null, cert: v.KAFKA_SSL_CERT ?? null, key: v.KAFKA_SSL_KEY ?? null } : null,
      sasl:
        v.KAFKA_SASL_MECHANISM === undefined
          ? null
          : {
              mechanism: v.KAFKA_SASL_MECHANISM,
              username: v.KAFKA_SASL_USERNAME ?? '',
              password: v.KAFKA_SASL_PASSWORD ?? '',
            },
      requestTimeoutMs: v.OUTBOX_KAFKA_REQUEST_TIMEOUT,
      transactionTimeoutMs: v.OUTBOX_KAFKA_TRANSACTION_TIMEOUT,
      ledgerTopic: v.OUTBOX_LEDGER_TOPIC,
    },
    topics: {
      allow: v.OUTBOX_TOPIC_ALLOW,
      ledgerTopic: v.OUTBOX_LEDGER_TOPIC,
      create: v.OUTBOX_TOPIC_CREATE,
      partitions: v.OUTBOX_TOPIC_PARTITIONS,
      replication: v.OUTBOX_TOPIC_REPLICATION ?? null,
      plainKeys: v.OUTBOX_KAFKA_KEY_PLAIN ?? [],
    },
    temporal: {
      address: v.TEMPORAL_ADDRESS ?? null,
      namespace: v.TEMPORAL_NAMESPACE,
      taskQueue: v.OUTBOX_TASK_QUEUE,
      maxHistoryEvents: v.OUTBOX_MAX_HISTORY_EVENTS,
    },
    api: {
      host: v.OUTBOX_LISTEN_HOST,
      port: v.OUTBOX_API_PORT,
      adminPort: v.OUTBOX_ADMIN_PORT,
      adminKey: v.OUTBOX_ADMIN_KEY ?? null,
      bodyLimit: v.OUTBOX_BODY_LIMIT,
      batchBodyLimit: v.OUTBOX_BATCH_BODY_LIMIT,
      batchLimit: v.OUTBOX_BATCH_LIMIT,
    },
    worker: { host: v.OUTBOX_LISTEN_HOST, port: v.OUTBOX_WORKER_PORT },
    relays: {
      batchEvents: v.OUTBOX_BATCH_EVENTS,
      batchBytes: v.OUTBOX_BATCH_BYTES,
      mains: v.OUTBOX_RELAYS,
      total: v.OUTBOX_RELAYS_TOTAL ?? null,
      lingerMs: v.OUTBOX_LINGER,
      singleBroker: v.OUTBOX_LEDGER_SINGLE_BROKER,
    },
    breaker: { threshold: v.OUTBOX_BREAKER_THRESHOLD, resetMs: v.OUTBOX_BREAKER_RESET },
    quota: {
      ratePerSecond: v.OUTBOX_QUOTA_RATE ?? null,
      burst: v.OUTBOX_QUOTA_BURST,
      bytesPerSecond: v.OUTBOX_QUOTA_BYTES ?? null,
      byteBurst: v.OUTBOX_QUOTA_BYTE_BURST,
    },
    ingest: {
      ratePerSecond: v.OUTBOX_INGEST_RATE ?? null,
      burst: v.OUTBOX_INGEST_BURST,
      maxPending: v.OUTBOX_INGEST_MAX_PENDING ?? null,
    },
    retention: { keepMs: v.OUTBOX_RETENTION, intervalMs: v.OUTBOX_RETENTION_INTERVAL },
    metrics: { tenants: v.OUTBOX_METRICS_TENANTS, intervalMs: v.OUTBOX_METRICS_INTERVAL },
    sweep: { intervalMs: v.OUTBOX_SWEEP_INTERVAL, wakesPerSecond: v.OUTBOX_SWEEP_WAKES_PER_SECOND },
    cli: { adminUrl: v.OUTBOX_ADMIN_URL },
    shutdownGraceMs: v.OUTBOX_SHUTDOWN_GRACE,
    logLevel: v.OUTBOX_LOG_LEVEL,
    dataDir: v.OUTBOX_DATA_DIR,
    warnings,
  });
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value) && !(value instanceof RegExp)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
