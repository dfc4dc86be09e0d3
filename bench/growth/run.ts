import { loadavg } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../src/stack/locations';
import type { ConsumerCalls } from '../consumer/consumer';
import { PARTITIONS } from '../harness/bench';
import { now } from '../harness/clock';
import { Closing } from '../harness/closing';
import { Helper } from '../harness/helper';
import { createTopics } from '../harness/kafka';
import { Product } from '../harness/product';
import { startServers } from '../harness/servers';
import { measureCurves } from './curves';
import type { GrowthBench } from './curves';
import { parseOptions } from './options';
import type { GrowthOptions } from './options';
import { writePage } from './page';
import { readResults, results, writeResults } from './results';

type Log = (line: string) => void;

async function setUp(options: GrowthOptions, closing: Closing, log: Log): Promise<GrowthBench> {
  const servers = await startServers(closing, log);
  const product = new Product(servers, null);
  const consumer = new Helper<ConsumerCalls>('consumer', join(__dirname, '..', 'consumer', 'consumer.js'));
  closing.add('consumer', () => consumer.stop());
  const [counted, timed] = [`${servers.prefix}-counted`, `${servers.prefix}-timed`];
  await Promise.all([product.migrate(), createTopics(servers, closing, [counted, timed], PARTITIONS)]);
  await consumer.call('connect', {
    brokers: servers.kafkaBrokers,
    group: `${servers.prefix}-consumer`,
    counted,
    timed,
  });
  let rounds = 0;
  const nextRound = (): string => `growth-${(rounds += 1)}`;
  return { options, servers, product, consumer, countedTopic: counted, closing, log, nextRound };
}

/** Rejects when the run is interrupted or exceeds its time: then everything is ended, as after any other failure. */
function stopped({ sizes }: GrowthOptions): Promise<never> {
  return new Promise((_, reject) => {
    process.once('SIGINT', () => reject(new Error('interrupted')));
    process.once('SIGTERM', () => reject(new Error('terminated')));
    const late = (): void => reject(new Error(`not done after ${sizes.limitSeconds} s`));
    setTimeout(late, sizes.limitSeconds * 1_000).unref();
  });
}

async function measure(options: GrowthOptions, closing: Closing, log: Log): Promise<void> {
  const loadBefore = loadavg()[0] ?? NaN;
  const bench = await setUp(options, closing, log);
  const began = now();
  const growth = await measureCurves(bench);
  const all = results(growth, options, { tookSeconds: (now() - began) / 1_000, loadBefore });
  if (options.json !== null) writeResults(options.json, all);
  for (const [name, points] of Object.entries(growth)) {
    for (const { at, rate, mib } of points) {
      process.stdout.write(`${name} ${at}: ${rate.toFixed(0)} events/s, ${mib.toFixed(1)} MiB/s\n`);
    }
  }
}

/** `npm run bench:growth -- --json FILE | --report FILE`. Progress goes to stderr, the figures to stdout. */
async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options.report !== null) {
    writePage(join(packageRoot(), 'docs'), readResults(options.report));
    return 0;
  }
  const began = now();
  const log: Log = (line) =>
    void process.stderr.write(`${((now() - began) / 1_000).toFixed(1).padStart(6)} s  ${line}\n`);
  const closing = new Closing(log);
  log(`seed ${options.seed}`);
  try {
    await Promise.race([measure(options, closing, log), stopped(options)]);
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return 1;
  } finally {
    await closing.close();
  }
}

void main().then((code) => process.exit(code));
