import type { KafkaConfig } from 'kafkajs';
import { setTimeout as delay } from 'node:timers/promises';
import type { EventStatus } from '../domain/event';
import { AcknowledgedIndex, readAcknowledged } from './acknowledged';
import type { Acknowledged, Expected } from './acknowledged';
import { RecordChecks, differentReplays } from './checks';
import { readConservation } from './conservation';
import { countFired } from './fired';
import { FINDING_KINDS } from './report';
import type { AuditReport, TenantBalance } from './report';
import { TopicReader } from '../sinks/kafka/topic-reader';

export type { AuditReport } from './report';

export interface AuditOptions {
  readonly kafka: KafkaConfig;
  /** The producers' own log: NDJSON files, or the entries themselves. */
  readonly acknowledged: readonly Acknowledged[] | { readonly files: readonly string[] };
  /** Default: the topics that the log names. Give more to find events that strayed to another topic. */
  readonly topics?: readonly string[];
  /** True where the message key is the ordering key alone (option `plain`). Default: nowhere. */
  readonly hasPlainKey?: (tenant: string, topic: string) => boolean;
  /** Keep reading until every acknowledged event was seen, at most this long (ms). Default 0: read to the end as of now. */
  readonly waitMs?: number;
  /** How long (ms) an open transaction may hold the end back before it counts as left open. Default 30 s. */
  readonly undecidedMs?: number;
  /** With it: failed and skipped events are not missing, and accepted = pending + published + failed + skipped is checked. */
  readonly databaseUrl?: string;
  /** Certificate authority (PEM) of that server. */
  readonly databaseSslCa?: string;
  /** Fewer acknowledged events than this fail the audit: a run in which nothing flowed proves nothing. */
  readonly minEvents?: number;
  /** Fewer aborted records than this fail the audit. */
  readonly minAborted?: number;
  /** Every name must have fired at least once by the proof lines in the files. */
  readonly requireFired?: { readonly files: readonly string[]; readonly names: readonly string[] };
}

/** How long an open transaction may legitimately last: time-out of 15–20 s, noticed by the coordinator within 10 s more. */
const DEFAULT_UNDECIDED_MS = 30_000;

/**
 * Compares what producers were promised with what consumers can read. Independent of the product: it knows only the log
 * of acknowledgements, Kafka's records and the fixed message format.
 *
 * Resolves with the report, clean or not. Rejects with KAFKA_UNAVAILABLE, POSTGRES_UNAVAILABLE or CONFIG_INVALID.
 */
export async function audit(options: AuditOptions): Promise<AuditReport> {
  const started = Date.now();
  const expected = await index(options.acknowledged);
  const topics = [...new Set(options.topics ?? expected.topics)].sort();
  const checks = new RecordChecks(expected, options.hasPlainKey ?? (() => false));

  const reader = await TopicReader.open(options.kafka, topics, checks);
  try {
    const undecided = await readAll(reader, checks, expected, options);
    for (const { topic, partition, lastStableOffset, highWatermark } of undecided) {
      checks.findings.add(
        'undecided',
        `${topic}/${partition}: stable up to ${lastStableOffset}, written up to ${highWatermark}`,
      );
    }
  } finally {
    await reader.close();
  }

  const unseen = [...expected.unseen()];
  const outbox = options.databaseUrl === undefined ? null : await readConservation(options, expected, unseen);
  checks.finish((event) => explain(event, outbox?.statuses ?? new Map()));
  const fired = await countFired(options.requireFired?.files ?? []);
  const unmet = unmetConditions(options, expected.size, checks.counts.aborted, fired, outbox?.balances ?? []);
  if (outbox !== null) unmet.push(...differentReplays(checks.replays, outbox.replays));
  const findings = checks.findings.result();
  return {
    clean: unmet.length === 0 && FINDING_KINDS.every((kind) => findings[kind].count === 0),
    acknowledged: expected.size,
    idsGivenAgain: expected.idsGivenAgain,
    tenants: expected.tenants.size,
    topics,
    ...checks.counts,
    findings,
    unmet,
    fired: Object.fromEntries(
      [...new Set([...(options.requireFired?.names ?? []), ...fired.keys()])].map((name) => [
        name,
        fired.get(name) ?? 0,
      ]),
    ),
    balances: outbox?.balances ?? null,
    elapsedMs: Date.now() - started,
  };
}

async function index(source: AuditOptions['acknowledged']): Promise<AcknowledgedIndex> {
  const expected = new AcknowledgedIndex();
  if ('files' in source) for await (const event of readAcknowledged(source.files)) expected.add(event);
  else for (const event of source) expected.add(event);
  return expected;
}

/** Reads to the end; while events are awaited, on to each new end. */
async function readAll(
  reader: TopicReader,
  checks: RecordChecks,
  expected: AcknowledgedIndex,
  options: AuditOptions,
): ReturnType<TopicReader['readToEnd']> {
  const deadline = Date.now() + (options.waitMs ?? 0);
  const undecidedMs = options.undecidedMs ?? DEFAULT_UNDECIDED_MS;
  for (;;) {
    const complete = (): boolean => checks.counts.seen >= expected.size;
    const undecided = await reader.readToEnd(undecidedMs);
    const wasComplete = complete();
    if (wasComplete || Date.now() >= deadline || undecided.length > 0) {
      if (!wasComplete || options.waitMs === undefined || undecided.length > 0) return undecided;
      // The last awaited event may be followed by a duplicate of it: read once more what was written meanwhile.
      reader.extend();
      return reader.readToEnd(undecidedMs);
    }
    await delay(50);
    reader.extend();
  }
}

/** Parked and given-up events rightly are not in Kafka; pending ones are not there yet, which counts as missing. */
function explain(event: Expected, statuses: ReadonlyMap<string, EventStatus>): string | null {
  const status = event.id === null ? undefined : statuses.get(event.id);
  return status === 'failed' || status === 'skipped' ? status : null;
}

function unmetConditions(
  options: AuditOptions,
  acknowledged: number,
  aborted: number,
  fired: ReadonlyMap<string, number>,
  balances: readonly TenantBalance[],
): string[] {
  const unmet: string[] = [];
  const { minEvents = 1, minAborted = 0 } = options;
  if (acknowledged < minEvents)
    unmet.push(`${acknowledged} events were acknowledged, at least ${minEvents} were wanted`);
  if (aborted < minAborted) unmet.push(`${aborted} records were aborted, at least ${minAborted} were wanted`);
  for (const name of options.requireFired?.names ?? []) {
    if (!fired.has(name)) unmet.push(`the planned fault ${name} never fired`);
  }
  for (const { tenant, balanced } of balances) {
    if (!balanced) unmet.push(`the outbox of ${tenant} does not hold what was accepted`);
  }
  return unmet;
}
