import { Counter, Gauge, Histogram, collectDefaultMetrics } from 'prom-client';
import type { Registry } from 'prom-client';

/**
 * All metrics of the service in one place. No tenant label: prom-client keeps every label set for ever, and ten thousand
 * tenants would make ten thousand series per metric. The truth per tenant is in Postgres and in the publisher's state.
 */
export const METRIC_NAMES = {
  accepted: 'outbox_events_accepted_total',
  published: 'outbox_events_published_total',
  replayed: 'outbox_events_replayed_total',
  parked: 'outbox_events_parked_total',
  transactions: 'outbox_kafka_tx_total',
  producerReinits: 'outbox_producer_reinit_total',
  drainFailures: 'outbox_drain_failures_total',
  wakes: 'outbox_wakes_total',
  ingestRequests: 'outbox_ingest_requests_total',
  publishLatency: 'outbox_publish_latency_seconds',
  buildInfo: 'outbox_build_info',
} as const;

/** From a lingering drain (milliseconds) to a backlog that had to wait for a healed broker (an hour). */
const LATENCY_BUCKETS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15, 60, 300, 3_600];

export interface Metrics {
  readonly registry: Registry;
  readonly accepted: Counter<'source'>;
  readonly published: Counter;
  readonly replayed: Counter;
  readonly parked: Counter<'code'>;
  readonly transactions: Counter<'outcome'>;
  readonly producerReinits: Counter<'reason'>;
  readonly drainFailures: Counter<'code'>;
  readonly wakes: Counter<'source' | 'result'>;
  readonly ingestRequests: Counter<'route' | 'status'>;
  /** Seconds from acceptance to settlement. */
  readonly publishLatency: Histogram;
}

export interface BuildInfo {
  readonly version: string;
}

/** Registers everything, Node's process metrics included, in a registry of the caller's; once per registry. */
export function createMetrics(registry: Registry, build: BuildInfo): Metrics {
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  new Gauge({
    name: METRIC_NAMES.buildInfo,
    help: 'Always 1; the labels name the version that runs.',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version: build.version, node: process.version }, 1);
  const counter = <L extends string = never>(name: string, help: string, ...labelNames: L[]): Counter<L> =>
    new Counter({ name, help, labelNames, registers });
  return {
    registry,
    accepted: counter(METRIC_NAMES.accepted, 'Events stored for the first time by this process.', 'source'),
    published: counter(METRIC_NAMES.published, 'Events settled as published by this process.'),
    replayed: counter(METRIC_NAMES.replayed, 'Copies that replays published, beside the events themselves.'),
    parked: counter(METRIC_NAMES.parked, 'Events parked after a permanent failure.', 'code'),
    transactions: counter(METRIC_NAMES.transactions, 'Kafka transactions by outcome.', 'outcome'),
    producerReinits: counter(METRIC_NAMES.producerReinits, 'Producers thrown away and made anew.', 'reason'),
    drainFailures: counter(METRIC_NAMES.drainFailures, 'Drains that ended with a failure.', 'code'),
    wakes: counter(METRIC_NAMES.wakes, 'Wakes of publishers by who asked and what came of it.', 'source', 'result'),
    ingestRequests: counter(METRIC_NAMES.ingestRequests, 'Requests to the ingest API.', 'route', 'status'),
    publishLatency: new Histogram({
      name: METRIC_NAMES.publishLatency,
      help: 'Seconds from the acceptance of an event to its settlement.',
      buckets: LATENCY_BUCKETS,
      registers,
    }),
  };
}
