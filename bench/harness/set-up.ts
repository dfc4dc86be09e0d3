import { join } from 'node:path';
import type { ConsumerCalls } from '../consumer/consumer';
import type { RawProducerCalls } from '../drain/raw-producer';
import type { EmptyRouteCalls } from '../ingest/empty-route';
import type { LoadCalls } from '../ingest/load';
import type { BenchOptions } from '../options';
import type { WriterCalls } from '../wake/writers';
import { PARTITIONS } from './bench';
import type { Bench } from './bench';
import type { Closing } from './closing';
import { Helper } from './helper';
import { createTopics } from './kafka';
import { Product } from './product';
import type { Calls } from './serve';
import type { BenchServers } from './servers';

/** Schema, topics and the benchmark's own processes, connected: starting them is no part of any measurement. */
export async function setUp(
  options: BenchOptions,
  servers: BenchServers,
  closing: Closing,
  log: (line: string) => void,
): Promise<Bench> {
  const helper = <C extends Calls<C>>(name: string, ...script: string[]): Helper<C> => {
    const started = new Helper<C>(name, join(__dirname, '..', ...script));
    closing.add(name, () => started.stop());
    return started;
  };
  const bench: Bench = {
    options,
    servers,
    product: new Product(servers, options.profile),
    consumer: helper<ConsumerCalls>('consumer', 'consumer', 'consumer.js'),
    raw: helper<RawProducerCalls>('raw producer', 'drain', 'raw-producer.js'),
    writers: helper<WriterCalls>('writers', 'wake', 'writers.js'),
    load: helper<LoadCalls>('load generator', 'ingest', 'load.js'),
    emptyRoute: helper<EmptyRouteCalls>('empty route', 'ingest', 'empty-route.js'),
    countedTopic: `${servers.prefix}-counted`,
    timedTopic: `${servers.prefix}-timed`,
    log,
  };
  const { countedTopic: counted, timedTopic: timed } = bench;
  await Promise.all([bench.product.migrate(), createTopics(servers, closing, [counted, timed], PARTITIONS)]);
  const brokers = servers.kafkaBrokers;
  await Promise.all([
    bench.consumer.call('connect', { brokers, group: `${servers.prefix}-consumer`, counted, timed }),
    bench.raw.call('connect', { brokers, transactionalId: `${servers.prefix}-raw` }),
    bench.writers.call('connect', { databaseUrl: servers.databaseUrl }),
  ]);
  return bench;
}
