import { join } from 'node:path';
import { loadConfig } from '../../../src/config';
import type { RawProducerCalls } from '../../drain/raw-producer';
import { PARTITIONS } from '../../harness/bench';
import { Helper } from '../../harness/helper';
import type { BenchEvent } from '../../load/events';
import type { SteadyLoad } from '../harness/steady-load';
import type { Peer, PeerContext } from '../peer';
import type { SteadyProducerCalls } from './steady';

const SEND_MS = 90_000;

/** Unmodified kafkajs in a transaction, from memory: no database, no record of what was sent. Bounds what kafkajs allows. */
export class RawKafkajs implements Peer {
  readonly about =
    'one transactional kafkajs producer, the same messages and events per transaction as temporal-outbox, from memory: no database, and no record of what was sent, so that after a kill it sends all again';
  #process: Helper<RawProducerCalls> | null = null;
  #last: readonly BenchEvent[] = [];
  #sending: Promise<void> = Promise.resolve();

  constructor(
    private readonly context: PeerContext,
    private readonly seed: number,
  ) {}

  async start(): Promise<void> {
    const script = join(__dirname, '..', '..', 'drain', 'raw-producer.js');
    this.#process = new Helper<RawProducerCalls>('raw producer', script);
    await this.#process.call('connect', {
      brokers: this.context.servers.kafkaBrokers,
      transactionalId: this.#id('drain'),
    });
  }

  async restart(): Promise<void> {
    await this.start();
    await this.backlog(this.#last);
  }

  pids(): readonly number[] {
    return this.#process === null ? [] : [this.#process.pid];
  }

  /** The process makes the same events from the seed itself: its memory would otherwise hold the copies of the transport. */
  async backlog(events: readonly BenchEvent[]): Promise<void> {
    const [first] = events;
    if (this.#process === null || first === undefined) throw new Error('raw producer: nothing to send, or not started');
    this.#last = events;
    const { topic } = first;
    const { relays } = loadConfig({});
    await this.#process.call('prepare', {
      seed: this.seed,
      count: events.length,
      tenants: [this.context.tenant],
      topic,
      round: first.dedupeKey.replace(/-0$/, ''),
      partitions: PARTITIONS,
      // As the product bounds its batches: a drain that fits into one transaction would become visible all at once.
      transactionEvents: Math.min(relays.batchEvents, Math.floor(relays.batchBytes / first.payload.length)),
      payloadBytes: first.payload.length,
    });
    this.#sending = this.#process.call('send', { topic }, SEND_MS);
    // Heard in idle(), or meant: the process is killed while it sends.
    this.#sending.catch(() => undefined);
  }

  idle(): Promise<void> {
    return this.#sending;
  }

  async steady(load: SteadyLoad): Promise<void> {
    const producer = new Helper<SteadyProducerCalls>('raw steady producer', join(__dirname, 'steady.js'));
    try {
      const { kafkaBrokers } = this.context.servers;
      await producer.call('run', { brokers: kafkaBrokers, transactionalId: this.#id('steady'), load }, SEND_MS);
    } finally {
      await producer.stop();
    }
  }

  async kill(): Promise<void> {
    await this.#process?.stop();
    this.#process = null;
  }

  clear(): Promise<void> {
    return this.kill();
  }

  stop(): Promise<void> {
    return this.kill();
  }

  #id(kind: string): string {
    return `${this.context.servers.prefix}-raw-${kind}`;
  }
}
