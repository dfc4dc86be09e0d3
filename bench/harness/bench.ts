import type { ConsumerCalls } from '../consumer/consumer';
import type { RawProducerCalls } from '../drain/raw-producer';
import type { EmptyRouteCalls } from '../ingest/empty-route';
import type { LoadCalls } from '../ingest/load';
import type { BenchOptions } from '../options';
import type { WriterCalls } from '../wake/writers';
import type { Helper } from './helper';
import type { Product } from './product';
import type { BenchServers } from './servers';

export const PARTITIONS = 6;

/** What every measurement works with. */
export interface Bench {
  readonly options: BenchOptions;
  readonly servers: BenchServers;
  readonly product: Product;
  readonly consumer: Helper<ConsumerCalls>;
  readonly raw: Helper<RawProducerCalls>;
  readonly writers: Helper<WriterCalls>;
  readonly load: Helper<LoadCalls>;
  readonly emptyRoute: Helper<EmptyRouteCalls>;
  /** Events of this topic are counted by the consumer. */
  readonly countedTopic: string;
  /** Events of this topic name the moment when they were due; the consumer keeps how long they took. */
  readonly timedTopic: string;
  readonly log: (line: string) => void;
}
