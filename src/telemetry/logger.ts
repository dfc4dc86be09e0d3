import pino from 'pino';
import type { DestinationStream, Logger } from 'pino';

export type { Logger } from 'pino';

/**
 * Never written, at the top level or one or two levels deep. Payloads and headers of events are the tenants' data: log lines
 * carry ids and names only.
 */
const SECRET_FIELDS = [
  'authorization',
  'cookie',
  'password',
  'secret',
  'key',
  'apiKey',
  'adminKey',
  'token',
  'payload',
  'payloadBase64',
  'DATABASE_URL',
  'connectionString',
] as const;

export const REDACTED_PATHS: readonly string[] = SECRET_FIELDS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

export interface LoggerOptions {
  readonly level: string;
  /** Name of the process or part: api, worker, migrate … */
  readonly name: string;
  /** Default: standard output. */
  readonly destination?: DestinationStream;
}

/** A JSON logger. Child loggers carry the tenant: `logger.child({ tenant })`. */
export function createLogger(options: LoggerOptions): Logger {
  const settings = {
    level: options.level,
    name: options.name,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: [...REDACTED_PATHS], censor: '[redacted]' },
    serializers: { error: pino.stdSerializers.err, err: pino.stdSerializers.err },
  };
  return options.destination === undefined ? pino(settings) : pino(settings, options.destination);
}
