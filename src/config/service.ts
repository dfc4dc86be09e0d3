import { MAX_RETENTION_MS, MIN_RETENTION_MS } from '../domain/retention';
import { boolean, byteSize, duration, integer, oneOf, text } from './parsers';
import { optional, withDefault } from './variables';

/** Variables of the processes themselves: listeners, publishing, sweep, shutdown, command line. */

const port = integer(0, 65_535);
const KIB = 1_024;
const MIB = 1_048_576;
const MINUTE = 60_000;
/** Bearer tokens travel in a header: visible ASCII only. */
const adminKey = text(/^[\x21-\x7e]{8,512}$/, '8 to 512 visible ASCII characters');

export const serviceVariables = {
  OUTBOX_API_PORT: withDefault(port, '8080', {
    section: 'Listeners',
    about: 'Port of the ingest API; 0 = a free one.',
  }),
  OUTBOX_ADMIN_PORT: withDefault(port, '8081', {
    section: 'Listeners',
    about: 'Port of the admin API, the probes and `/metrics`; 0 = a free one.',
  }),
  OUTBOX_WORKER_PORT: withDefault(port, '0', {
    section: 'Listeners',
    about: 'Port of the probes and `/metrics` of a worker; 0 = a free one, which is printed.',
  }),
  OUTBOX_LISTEN_HOST: withDefault(text(/^[A-Za-z0-9:._-]{1,253}$/, 'a host name or an address'), '0.0.0.0', {
    section: 'Listeners',
    about: 'Address that all listeners bind to.',
  }),
  OUTBOX_ADMIN_KEY: optional(adminKey, {
    section: 'Listeners',
    about:
      'Bearer key of the admin API. On the embedded stack one is made and printed once; on real servers the admin listener does not start without.',
    secret: true,
  }),
  OUTBOX_BODY_LIMIT: withDefault(byteSize(KIB, 64 * MIB), '1MiB', {
    section: 'Listeners',
    about: 'Largest body of a request.',
  }),
  OUTBOX_BATCH_BODY_LIMIT: withDefault(byteSize(KIB, 256 * MIB), '8MiB', {
    section: 'Listeners',
    about: 'Largest body of a request to the batch route.',
  }),
  OUTBOX_BATCH_LIMIT: withDefault(integer(1, 10_000), '1000', {
    section: 'Listeners',
    about: 'Most events of a request to the batch route.',
  }),

  OUTBOX_INGEST_RATE: optional(integer(0, 10_000_000), {
    section: 'Limits',
    about: "Accepted events per second of a tenant over HTTP; unset = no limit. A tenant's own setting wins.",
  }),
  OUTBOX_INGEST_BURST: withDefault(integer(1, 10_000_000), '1000', {
    section: 'Limits',
    about: 'Events that a tenant with a rate may send at once.',
  }),
  OUTBOX_INGEST_MAX_PENDING: optional(integer(1, 1_000_000_000), {
    section: 'Limits',
    about: 'Pending events of a tenant above which the ingest API accepts no more; unset = no limit.',
  }),
  OUTBOX_QUOTA_RATE: optional(integer(0, 10_000_000), {
    section: 'Limits',
    about: 'Published events per second of a tenant; unset = no limit, 0 = none. `configure` wins.',
  }),
  OUTBOX_QUOTA_BURST: withDefault(integer(1, 10_000_000), '1000', {
    section: 'Limits',
    about: 'Events that a tenant with a quota may publish at once.',
  }),
  OUTBOX_QUOTA_BYTES: optional(byteSize(0, 10_000_000_000), {
    section: 'Limits',
    about: 'Published bytes per second of a tenant (payload, and 400 for each event); unset = no limit.',
  }),
  OUTBOX_QUOTA_BYTE_BURST: withDefault(byteSize(1, 10_000_000_000), '1MiB', {
    section: 'Limits',
    about: 'Bytes that a tenant with a quota in bytes may publish at once.',
  }),

  OUTBOX_BATCH_EVENTS: withDefault(integer(1, 50_000), '6000', {
    section: 'Publishing',
    about: 'Most events of one Kafka transaction.',
  }),
  OUTBOX_BATCH_BYTES: withDefault(byteSize(KIB, 256 * MIB), '4MiB', {
    section: 'Publishing',
    about: 'Most payload bytes of one Kafka transaction (one event may exceed it alone).',
  }),
  OUTBOX_RELAYS: withDefault(integer(1, 8), '1', {
    section: 'Publishing',
    about:
      'Relays that a worker leases for itself, beside those of workers that died. One keeps two cores busy; more help where Kafka is far away.',
  }),
  OUTBOX_RELAYS_TOTAL: optional(integer(1, 1_000), {
    section: 'Publishing',
    about:
      'Relays that there are in all, each with a partition of the ledger; 32 at first. It can be raised: set it, run `migrate up`, which adds the partitions, and restart the workers. It is never lowered.',
  }),
  OUTBOX_LINGER: withDefault(duration(0, 20 * MINUTE), '5m', {
    section: 'Publishing',
    about:
      'How long a tenant without events stays attached to its relay. Attached tenants cost nearly nothing, each wake of a sleeping one costs Temporal some 50 ms of a core.',
  }),
  OUTBOX_LEDGER_SINGLE_BROKER: withDefault(boolean(), 'false', {
    section: 'Publishing',
    about:
      "Lets the relays' ledger have one replica, for a single broker of a developer: Kafka may then lose what it has acknowledged.",
  }),
  OUTBOX_BREAKER_THRESHOLD: withDefault(integer(1, 1_000), '3', {
    section: 'Publishing',
    about: "Failures of the destination in a row that open a tenant's breaker.",
  }),
  OUTBOX_BREAKER_RESET: withDefault(duration(100, 24 * 60 * MINUTE), '60s', {
    section: 'Publishing',
    about: 'Wait before the first probe of an open breaker.',
  }),

  OUTBOX_RETENTION: withDefault(duration(MIN_RETENTION_MS, MAX_RETENTION_MS), '7d', {
    section: 'Retention and metrics',
    about:
      'How long published and skipped events, and with them their dedupe keys, are kept. A tenant may have its own time in its settings.',
  }),
  OUTBOX_RETENTION_INTERVAL: withDefault(duration(MINUTE, 24 * 60 * MINUTE), '1h', {
    section: 'Retention and metrics',
    about: 'How often retention runs.',
  }),
  OUTBOX_METRICS_TENANTS: withDefault(integer(0, 1_000), '50', {
    section: 'Retention and metrics',
    about: 'Most tenants that metrics name; the rest is counted as `other`.',
  }),
  OUTBOX_METRICS_INTERVAL: withDefault(duration(500, 10 * MINUTE), '5s', {
    section: 'Retention and metrics',
    about: 'How often one worker of all counts the backlog for its metrics; less often where counting takes long.',
  }),

  OUTBOX_SWEEP_INTERVAL: withDefault(duration(100, 10 * MINUTE), '1s', {
    section: 'Sweep and shutdown',
    about: 'How often lost wakes are looked for.',
  }),
  OUTBOX_SWEEP_WAKES_PER_SECOND: withDefault(integer(1, 10_000), '50', {
    section: 'Sweep and shutdown',
    about: 'Most publishers that the sweep wakes per second.',
  }),
  OUTBOX_SHUTDOWN_GRACE: withDefault(duration(0, 10 * MINUTE), '25s', {
    section: 'Sweep and shutdown',
    about: 'Time for work in flight after SIGTERM.',
  }),
  OUTBOX_LOG_LEVEL: withDefault(oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'), 'info', {
    section: 'Sweep and shutdown',
    about: 'Least severe log lines that are written.',
  }),
  OUTBOX_DATA_DIR: withDefault(text(/^[^\0]{1,4096}$/, 'a path'), '.data', {
    section: 'Sweep and shutdown',
    about: 'Folder of the embedded servers.',
  }),

  OUTBOX_ADMIN_URL: withDefault(text(/^https?:\/\/\S+$/, 'an http:// or https:// URL'), 'http://127.0.0.1:8081', {
    section: 'Command line',
    about: 'Where `outboxctl` finds the admin API.',
  }),
};
