import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { SASLOptions } from 'kafkajs';
import type { AuditOptions } from '../audit/audit';
import { audit } from '../audit/audit';
import { renderReport } from '../audit/report';
import { hasPlainKey, loadConfig } from '../config';
import type { Config } from '../config';
import { errorMessage, isOutboxError, OutboxError } from '../domain/errors';

/** 0 clean, 1 violations, 2 usage, 69 a server cannot be reached, 70 a defect of ours (sysexits.h). Scripts rely on them. */
const EXIT = { clean: 0, violations: 1, usage: 2, unreachable: 69, software: 70 } as const;

interface Flags {
  readonly acknowledged: readonly string[];
  readonly brokers?: string;
  readonly databaseUrl?: string;
  readonly topics?: readonly string[];
  readonly wait?: number;
  readonly undecided?: number;
  readonly minEvents?: number;
  readonly minAborted?: number;
  readonly firedLog?: readonly string[];
  readonly requireFired?: readonly string[];
  readonly json?: boolean;
}

/**
 * Adds `outboxctl audit`. It reads Kafka (and, with DATABASE_URL, the outbox) directly: an audit over the product's own
 * API would trust it. Servers, TLS and SASL come from the same variables as the service's.
 */
export function registerAudit(program: Command): void {
  program
    .command('audit')
    .description('compare the producers’ log of acknowledged events with what consumers can read from Kafka')
    .requiredOption('--acknowledged <files...>', 'NDJSON logs of acknowledged events, written by the producers')
    .option('--brokers <list>', 'Kafka brokers, comma-separated (default: KAFKA_BROKERS)')
    .option('--database-url <url>', 'also count the outbox itself (default: DATABASE_URL)')
    .option('--topics <names...>', 'topics to read (default: those that the logs name)')
    .option('--wait <seconds>', 'wait until every acknowledged event was seen, at most this long', seconds)
    .option('--undecided <seconds>', 'how long an open transaction may hold a topic’s end back (default: 30)', seconds)
    .option('--min-events <n>', 'fail if fewer events were acknowledged (default: 1)', count)
    .option('--min-aborted <n>', 'fail if fewer records were sent and aborted', count)
    .option('--fired-log <files...>', 'NDJSON proof lines of faults that fired')
    .option('--require-fired <names...>', 'fail unless each of these faults fired')
    .option('--json', 'print the whole report as JSON')
    // commander itself would exit 1 on a usage error, which here means violations.
    .exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.clean : EXIT.usage))
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  try {
    const report = await audit(toOptions(flags));
    process.stdout.write(flags.json === true ? `${JSON.stringify(report)}\n` : renderReport(report));
    process.exitCode = report.clean ? EXIT.clean : EXIT.violations;
  } catch (error) {
    process.stderr.write(`outboxctl audit: ${errorMessage(error)}\n`);
    process.exitCode = exitCodeOf(error);
  }
}

function exitCodeOf(error: unknown): number {
  if (!isOutboxError(error)) return EXIT.software;
  return error.code === 'CONFIG_INVALID' ? EXIT.usage : EXIT.unreachable;
}

function toOptions(flags: Flags): AuditOptions {
  const config = loadConfig(process.env, {
    overrides: {
      ...(flags.brokers !== undefined && { KAFKA_BROKERS: flags.brokers }),
      ...(flags.databaseUrl !== undefined && { DATABASE_URL: flags.databaseUrl }),
    },
  });
  const milliseconds = (value: number): number => value * 1000;
  return {
    kafka: kafkaOf(config),
    acknowledged: { files: flags.acknowledged },
    hasPlainKey: (tenant, topic) => hasPlainKey(config.topics, tenant, topic),
    ...(config.database.url !== null && { databaseUrl: config.database.url }),
    ...(config.database.sslCa !== null && { databaseSslCa: config.database.sslCa }),
    ...(flags.topics && { topics: flags.topics }),
    ...(flags.wait !== undefined && { waitMs: milliseconds(flags.wait) }),
    ...(flags.undecided !== undefined && { undecidedMs: milliseconds(flags.undecided) }),
    ...(flags.minEvents !== undefined && { minEvents: flags.minEvents }),
    ...(flags.minAborted !== undefined && { minAborted: flags.minAborted }),
    ...(flags.requireFired && { requireFired: { files: flags.firedLog ?? [], names: flags.requireFired } }),
  };
}

function kafkaOf({ kafka }: Config): AuditOptions['kafka'] {
  if (kafka.brokers === null) {
    throw new OutboxError('CONFIG_INVALID', 'No Kafka to audit. Give --brokers host:port, or set KAFKA_BROKERS.');
  }
  return {
    clientId: 'outboxctl-audit',
    brokers: [...kafka.brokers],
    ...(kafka.ssl !== null && {
      ssl: {
        ...(kafka.ssl.ca !== null && { ca: [kafka.ssl.ca] }),
        ...(kafka.ssl.cert !== null && { cert: kafka.ssl.cert }),
        ...(kafka.ssl.key !== null && { key: kafka.ssl.key }),
      },
    }),
    // kafkajs lists the mechanisms as separate types with the same fields.
    ...(kafka.sasl !== null && { sasl: kafka.sasl as SASLOptions }),
  };
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    throw new InvalidArgumentError('Give seconds, 0 or more.');
  }
  return value;
}

function count(text: string): number {
  if (!/^[0-9]{1,12}$/.test(text)) throw new InvalidArgumentError('Give a whole number, 0 or more.');
  return Number(text);
}
