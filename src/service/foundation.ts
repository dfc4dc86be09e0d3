import { Registry } from 'prom-client';
import type { Pool } from 'pg';
import type { Config } from '../config';
import { OutboxError } from '../domain/errors';
import { readInstallId } from '../postgres/tenants';
import { checkSchema } from '../postgres/migrate';
import { checkDurability, createPool } from '../postgres/pool';
import { query } from '../postgres/query';
import { createHealth } from '../telemetry/health';
import type { Health } from '../telemetry/health';
import { createLogger } from '../telemetry/logger';
import type { Logger } from '../telemetry/logger';
import { createMetrics } from '../telemetry/metrics';
import type { Metrics } from '../telemetry/metrics';
import { packageVersion } from './version';

/** What every role of the process stands on: addresses that are really there, one pool, one logger, one registry. */
export interface Foundation {
  readonly databaseUrl: string;
  readonly databaseDirectUrl: string;
  readonly kafkaBrokers: readonly string[];
  readonly temporalAddress: string;
  readonly installId: string;
  readonly pool: Pool;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly health: Health;
  close(): Promise<void>;
}

/** A hung Postgres may hold a drain for long, but an HTTP caller has given up after ten seconds. */
const PATIENCE = {
  caller: { statementTimeoutMs: 8_000, connectTimeoutMs: 3_000 },
  drain: { statementTimeoutMs: 30_000, connectTimeoutMs: 5_000, prepares: true },
} as const;

/**
 * Connects what all roles share and checks that the schema fits. Rejects with SCHEMA_MISMATCH (says what to run),
 * POSTGRES_UNAVAILABLE or CONFIG_INVALID.
 */
export async function layFoundation(config: Config, name: string, patience: 'caller' | 'drain'): Promise<Foundation> {
  const logger = createLogger({ level: config.logLevel, name });
  for (const warning of config.warnings) logger.warn(warning);
  const databaseUrl = required(config.database.url, 'DATABASE_URL');
  const metrics = createMetrics(new Registry(), { version: packageVersion(), tenants: config.metrics.tenants });
  const health = createHealth();
  const pool = createPool(databaseUrl, {
    max: config.database.poolSize,
    applicationName: `temporal-outbox ${name}`,
    throughPooler: config.database.directUrl !== config.database.url,
    ...(config.database.sslCa === null ? {} : { ssl: { ca: config.database.sslCa } }),
    ...PATIENCE[patience],
    onError: (error) => logger.warn({ code: error.code }, error.message),
  });
  try {
    await checkSchema(pool);
    await checkDurability(pool);
    health.register('postgres', async () => {
      await query(pool, 'select 1');
    });
    return {
      databaseUrl,
      databaseDirectUrl: required(config.database.directUrl, 'DATABASE_DIRECT_URL'),
      kafkaBrokers: required(config.kafka.brokers, 'KAFKA_BROKERS'),
      temporalAddress: required(config.temporal.address, 'TEMPORAL_ADDRESS'),
      installId: await readInstallId(pool),
      pool,
      logger,
      metrics,
      health,
      close: () => pool.end(),
    };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

function required<T>(value: T | null, name: string): T {
  if (value === null)
    throw new OutboxError('CONFIG_INVALID', `${name} is not set. Set it, or start the embedded servers.`);
  return value;
}
