import type { Logger } from 'kafkajs';
import { createLogger, LEVELS } from 'kafkajs/src/loggers/index';
import type { KafkaLogger } from './options';

/** Details of kafkajs' log lines that name places and counts; anything else could hold a buffer or a secret. */
const KEPT = ['broker', 'nodeId', 'correlationId', 'retryCount', 'retryTime', 'error'] as const;

/**
 * kafkajs' log lines on our logger. Its errors become debug lines: every one that matters reaches the caller as an
 * OutboxError, and it logs each expected answer of a connection (a closed socket, a coordinator that moved) as an error.
 */
export function bridgeLogger(logger: KafkaLogger): Logger {
  return createLogger({
    level: LEVELS.WARN,
    logCreator:
      () =>
      ({ namespace, level, log }) => {
        const details: Record<string, unknown> = { component: `kafkajs.${namespace}` };
        for (const name of KEPT) {
          const value: unknown = log[name];
          if (typeof value === 'string' || typeof value === 'number') details[name] = value;
        }
        if (level === LEVELS.WARN) logger.warn(details, log.message);
        else logger.debug(details, log.message);
      },
  });
}
