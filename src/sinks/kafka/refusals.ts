import { CODE } from './answer-error';

/** The coordinator moved, starts or has not applied the last transaction's markers: refused, nothing was done. */
export const COORDINATOR_BUSY = [
  CODE.COORDINATOR_LOADING,
  CODE.COORDINATOR_NOT_AVAILABLE,
  CODE.NOT_COORDINATOR,
  CODE.CONCURRENT_TRANSACTIONS,
] as const;
/** A definite refusal of a produce request, which a fresh look at the leaders (or a moment) can heal. */
export const LEADER_MOVED = [CODE.NOT_LEADER, CODE.LEADER_NOT_AVAILABLE, CODE.NOT_ENOUGH_REPLICAS] as const;
/** kafkajs' names for a node that the cluster does not list any more, and for one that cannot be connected to. */
export const UNREACHED: ReadonlySet<string> = new Set(['KafkaJSBrokerNotFound', 'KafkaJSConnectionError']);
