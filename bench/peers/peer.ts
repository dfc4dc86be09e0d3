import type { BenchServers } from '../harness/servers';
import type { BenchEvent } from '../load/events';
import type { SteadyLoad } from './harness/steady-load';

export const PEER_NAMES = [
  'temporal-outbox',
  'debezium-default',
  'debezium-tuned',
  'pg-transactional-outbox',
  'naive-poller',
  'raw-kafkajs',
] as const;

export type PeerName = (typeof PEER_NAMES)[number];

export function isPeerName(name: string): name is PeerName {
  return (PEER_NAMES as readonly string[]).includes(name);
}

export interface PeerContext {
  readonly name: PeerName;
  readonly servers: BenchServers;
  readonly tenant: string;
  readonly log: (line: string) => void;
}

/** One way of getting events from a Postgres transaction to Kafka, with its processes and its place for the events. */
export interface Peer {
  /** How it is set, for the report. */
  readonly about: string;
  /** Creates its tables and starts its processes; resolves when it is ready and has nothing to do. */
  start(): Promise<void>;
  /** Its processes; their children are found by whoever measures. */
  pids(): readonly number[];
  /** Stores a backlog and lets the peer see all of it at once, from idle. Does not wait for its publication. */
  backlog(events: readonly BenchEvent[]): Promise<void>;
  /** Resolves when nothing of the work that follows a publication is left; rejects if that work failed. */
  idle(): Promise<void>;
  /** Commits each event of the load when it is due, whatever became of the ones before. */
  steady(load: SteadyLoad): Promise<void>;
  /** kill -9 of all its processes. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, as its operator would, to go on with the same backlog. */
  restart(): Promise<void>;
  /** Ends its processes, and takes away what is left of a backlog that it did not get through. */
  clear(): Promise<void>;
  /** Ends its processes and removes what it keeps outside its database. May be called more than once. */
  stop(): Promise<void>;
}
