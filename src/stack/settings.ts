/**
 * What the servers are told, in one place: the embedded stack passes these on its command lines, docker-compose.yml
 * repeats them, and test/integration/stack-compose.test.ts fails when the two differ.
 */

/** Kafka's one-node values. With the defaults (3 replicas) InitProducerId never answers on a single broker. */
export const KAFKA_SETTINGS = {
  'auto.create.topics.enable': 'false',
  'default.replication.factor': '1',
  'min.insync.replicas': '1',
  'offsets.topic.replication.factor': '1',
  // 50 by default; five start in a second, and a coordinator's partition count means nothing on one broker.
  'offsets.topic.num.partitions': '5',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'transaction.state.log.num.partitions': '5',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'share.coordinator.state.topic.num.partitions': '5',
  // Tests join consumer groups by the hundred; the default waits 3 s for more members each time.
  'group.initial.rebalance.delay.ms': '0',
  // After kill -9 the broker is let in again only when its last session has run out: 13 s with the default of 9 s.
  'broker.heartbeat.interval.ms': '1000',
  'broker.session.timeout.ms': '4000',
} as const satisfies Record<string, string>;

/**
 * Temporal's dynamic configuration: eager activities cut a workflow step from 50-78 ms to about 23 ms. Fairness keys stay off
 * (docs/decisions/0010).
 */
export const TEMPORAL_DYNAMIC_CONFIG = {
  'system.enableActivityEagerExecution': true,
} as const satisfies Record<string, boolean | number | string>;

/**
 * Temporal's SQLite file. As shipped every step waits for the disk several times: a seventh of the wakes at four times the CPU. With NORMAL
 * a power failure takes the last moments, which the sweep heals, and never the file; OFF gains nothing more and risks it.
 */
export const TEMPORAL_SQLITE_PRAGMAS = {
  journal_mode: 'WAL',
  synchronous: 'NORMAL',
} as const satisfies Record<string, string>;

/** Postgres' server settings. Logical decoding is on because peers in the benchmarks read the log. */
export const POSTGRES_SETTINGS = {
  wal_level: 'logical',
  max_connections: '300',
  shared_buffers: '256MB',
  // The default 1 GB makes a bulk load checkpoint every few seconds.
  max_wal_size: '4GB',
  log_min_messages: 'warning',
} as const satisfies Record<string, string>;

/** Source of the Temporal CLI. Later versions carry a replace directive, which `go install` refuses. */
export const TEMPORAL_CLI = { module: 'github.com/temporalio/cli/cmd/temporal', version: 'v1.5.1' } as const;
