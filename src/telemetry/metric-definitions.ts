import { define } from './define-metric';
import { RELAY_METRICS } from './relay-metrics';

/**
 * All metrics of the service, in one place; docs/metrics.md is written from here. prom-client keeps every label set for ever, and
 * ten thousand tenants would make ten thousand series per metric: so `tenant_id` names at most OUTBOX_METRICS_TENANTS of them, and
 * `other` is the rest. The truth per tenant is in Postgres and in the publisher's state.
 */
export const METRICS = {
  // The two names that the roadmap's users have alerts on.
  circuitState: define(
    'gauge',
    'memory_circuit_state',
    'sweeper',
    'Breaker of a tenant: 0 closed, 1 open, 2 half-open (a probe is on its way). The worst of its publishers.',
    'tenant_id',
  ),
  outboxPending: define(
    'gauge',
    'memory_outbox_pending',
    'sweeper',
    'Pending events of a tenant. The 50 largest backlogs are counted up to a million events in all; beyond them up to 100 each, or to an equal share of 250,000 if that is more, which is also how far the largest can be told apart.',
    'tenant_id',
  ),
  pendingByState: define(
    'gauge',
    'outbox_pending_events',
    'sweeper',
    'Pending events of all tenants by what keeps them waiting.',
    'state',
  ),
  oldestAge: define(
    'gauge',
    'outbox_oldest_pending_age_seconds',
    'sweeper',
    'Age of the oldest pending event by what keeps it waiting; 0 = none waits for that.',
    'state',
  ),
  publishers: define('gauge', 'outbox_publishers', 'sweeper', "Publishers by their row's state.", 'state'),
  breakersOpen: define('gauge', 'outbox_breakers_open', 'sweeper', 'Publishers whose breaker is not closed.'),
  unsettled: define(
    'gauge',
    'outbox_unsettled_events',
    'sweeper',
    'Events and copies that relays have sent and could not mark yet, because their rows were locked.',
  ),
  relaysHalted: define('gauge', 'outbox_relays_halted', 'sweeper', 'Relays that are halted: an operator must decide.'),
  collectSeconds: define(
    'gauge',
    'outbox_metrics_collect_seconds',
    'sweeper',
    'How long the last count of the backlog took.',
  ),
  collectedAt: define(
    'gauge',
    'outbox_metrics_collected_timestamp_seconds',
    'sweeper',
    'When the backlog was counted last.',
  ),

  accepted: define(
    'counter',
    'outbox_events_accepted_total',
    'api',
    'Events stored for the first time by this process. Writers by SQL are not seen here.',
    'source',
  ),
  ingestRequests: define(
    'counter',
    'outbox_ingest_requests_total',
    'api',
    'Requests to the ingest API.',
    'route',
    'status',
  ),
  operatorEvents: define(
    'counter',
    'outbox_operator_events_total',
    'api',
    'Parked or pending events that operators skipped or put back to pending.',
    'action',
  ),
  published: define('counter', 'outbox_events_published_total', 'worker', 'Events settled as published.', 'tenant_id'),
  replayed: define(
    'counter',
    'outbox_events_replayed_total',
    'worker',
    'Copies that replays published, beside the events themselves.',
    'tenant_id',
  ),
  parked: define(
    'counter',
    'outbox_events_parked_total',
    'worker',
    'Events parked after a permanent failure.',
    'tenant_id',
    'code',
  ),
  purged: define(
    'counter',
    'outbox_events_purged_total',
    'worker',
    'Events deleted by retention, by the status they had.',
    'status',
  ),
  publishLatency: define(
    'histogram',
    'outbox_publish_latency_seconds',
    'worker',
    'Seconds from acceptance to settlement, of the oldest event of each batch.',
  ),
  transactions: define(
    'counter',
    'outbox_kafka_tx_total',
    'worker',
    'Kafka transactions by outcome: `committed`, `aborted`, or `indefinite`, which the next take-over finds out.',
    'outcome',
  ),
  ...RELAY_METRICS,
  drains: define('counter', 'outbox_drains_total', 'worker', 'Drains by how they ended.', 'end'),
  drainFailures: define(
    'counter',
    'outbox_drain_failures_total',
    'worker',
    "Drains that ended with a failure, and what Postgres refused to store of operators' orders.",
    'tenant_id',
    'code',
  ),
  breakerTransitions: define(
    'counter',
    'outbox_breaker_transitions_total',
    'worker',
    'Changes of breakers by the state that they went to.',
    'to',
  ),
  quotaSpent: define(
    'counter',
    'outbox_quota_spent_events_total',
    'worker',
    'Events published of publishers that have a quota.',
    'tenant_id',
  ),
  quotaDenied: define(
    'counter',
    'outbox_quota_denied_total',
    'worker',
    'Times that a publisher with something to send had to wait for its quota.',
    'tenant_id',
  ),
  wakes: define(
    'counter',
    'outbox_wakes_total',
    'every process',
    'Wakes of publishers by who asked and what came of it.',
    'source',
    'result',
  ),
  buildInfo: define(
    'gauge',
    'outbox_build_info',
    'every process',
    'Always 1; the labels name the version that runs.',
    'version',
    'node',
  ),
};
