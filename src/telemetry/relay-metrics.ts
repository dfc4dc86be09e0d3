import { define } from './define-metric';

/** What a worker tells of its relays. */
export const RELAY_METRICS = {
  relays: define('gauge', 'outbox_relays', 'worker', 'Relays that the worker has, by what they do.', 'state'),
  attached: define(
    'gauge',
    'outbox_attached_publishers',
    'worker',
    "Publishers that are attached to the worker's relays.",
  ),
  takeOvers: define(
    'counter',
    'outbox_relay_take_overs_total',
    'worker',
    'Take-overs of relays: `lease` one for itself, `orphan` one of a worker that is gone, `spare` one for the publishers of another one, `server` one that nobody has, for a new Postgres server or because its ledger grows old, `doubt` and `renewed` its own.',
    'reason',
  ),
  relaysRetired: define(
    'counter',
    'outbox_relays_retired_total',
    'worker',
    "Times that a relay's publishers went on with another one, because its last transaction waits for partitions that cannot take their part.",
  ),
  quarantines: define(
    'counter',
    'outbox_publisher_quarantines_total',
    'worker',
    'Times that a publisher came into quarantine because Kafka refused a record of it: it has transactions of its own until three were committed over a minute.',
    'tenant_id',
    'code',
  ),
  admissions: define(
    'counter',
    'outbox_topic_admissions_total',
    'worker',
    'Topics that relays left out from then on because a partition could not take its part (`lost`), and that they had again (`regained`).',
    'what',
  ),
  topicsSuspended: define(
    'gauge',
    'outbox_topics_suspended',
    'worker',
    'Topics that relays leave out because a partition cannot take its part: their events wait.',
  ),
  relayDoubts: define(
    'counter',
    'outbox_relay_doubts_total',
    'worker',
    'Doubts in which a relay gave its fence up, or could not be taken over, by error code.',
    'code',
  ),
  strangers: define(
    'counter',
    'outbox_relay_strangers_total',
    'worker',
    'Published events that take-overs found in the ledger and not in the database: a fail-over lost them.',
  ),
  relaySeconds: define(
    'histogram',
    'outbox_relay_seconds',
    'worker',
    'Seconds that a relay took for a step: `claim`, `transaction` or `settle`.',
    'step',
  ),
};
