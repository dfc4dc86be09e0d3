import { loadConfig } from '../config';
import type { Config } from '../config';
import { joinStack, startStack } from '../stack';
import type { ServerName, Stack } from '../stack';

/** Addresses of servers that are really there, and the stack that this process started for those that were unset. */
export interface Servers {
  readonly config: Config;
  readonly stack: Stack | null;
  /** True if at least one server is embedded: then demo data and a generated admin key are fine. */
  readonly embedded: boolean;
  readonly temporalUiUrl: string | null;
}

/**
 * Real servers by the environment; each unset address is served by the embedded stack: this process starts it, or joins
 * the one that another process of the same data folder already runs (so that any number of workers can be added).
 */
export async function provideServers(
  env: NodeJS.ProcessEnv,
  log: (line: string) => void,
  only: readonly ServerName[] = ['postgres', 'kafka', 'temporal'],
): Promise<Servers> {
  const config = loadConfig(env);
  const given = {
    postgres: config.database.url !== null,
    kafka: config.kafka.brokers !== null,
    temporal: config.temporal.address !== null,
  };
  if (only.every((name) => given[name])) return { config, stack: null, embedded: false, temporalUiUrl: null };
  const running = joinStack(
    config.dataDir,
    env,
    only.filter((name) => !given[name]),
  );
  const stack = running === null ? await startStack({ dataDir: config.dataDir, env, log, only }) : null;
  const addresses = running ?? stack;
  if (addresses === null) throw new Error('the embedded stack gave no addresses; report this as a defect');
  return {
    config: loadConfig(env, {
      overrides: {
        DATABASE_URL: addresses.databaseUrl,
        KAFKA_BROKERS: addresses.kafkaBrokers,
        TEMPORAL_ADDRESS: addresses.temporalAddress,
        // On an embedded Kafka nobody else makes topics; a newcomer's first curl must not be blocked by a missing one.
        ...(given.kafka || env['OUTBOX_TOPIC_CREATE'] ? {} : { OUTBOX_TOPIC_CREATE: true }),
        ...(given.kafka ? {} : { OUTBOX_LEDGER_SINGLE_BROKER: true }),
      },
    }),
    stack,
    embedded: true,
    temporalUiUrl: addresses.temporalUiUrl ?? null,
  };
}
