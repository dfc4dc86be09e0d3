import { Debezium } from './debezium/peer';
import { NaivePoller } from './naive-poller/peer';
import type { Peer, PeerContext } from './peer';
import { PgTransactionalOutbox } from './pg-transactional-outbox/peer';
import { RawKafkajs } from './raw-kafkajs/peer';
import { TemporalOutbox } from './temporal-outbox/peer';

/** Nothing is started yet. `seed`: of the events, which raw kafkajs makes in its own process. */
export function createPeer(context: PeerContext, seed: number): Peer {
  switch (context.name) {
    case 'temporal-outbox':
      return new TemporalOutbox(context);
    case 'debezium-default':
      return new Debezium(context, false);
    case 'debezium-tuned':
      return new Debezium(context, true);
    case 'pg-transactional-outbox':
      return new PgTransactionalOutbox(context);
    case 'naive-poller':
      return new NaivePoller(context);
    case 'raw-kafkajs':
      return new RawKafkajs(context, seed);
  }
}
