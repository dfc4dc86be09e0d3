import type { Child } from '../../../faults/harness/child';
import { Product } from '../../harness/product';
import { untilIdle } from '../../harness/tenants';
import type { BenchEvent } from '../../load/events';
import { storeAtOnce } from '../../load/store';
import { commitOnSchedule } from '../harness/steady-load';
import type { SteadyLoad } from '../harness/steady-load';
import type { Peer, PeerContext } from '../peer';

/** This project, as its users start it: `node dist/main.js worker` with its defaults. */
export class TemporalOutbox implements Peer {
  readonly about =
    'one worker (`node dist/main.js worker`) with its defaults; the backlog is one commit by the library, which wakes a sleeping publisher';
  readonly #product: Product;
  #worker: Child | null = null;

  constructor(private readonly context: PeerContext) {
    this.#product = new Product(context.servers, null);
  }

  async start(): Promise<void> {
    await this.#product.migrate();
    await this.context.servers.installation.addTenants([this.context.tenant]);
    await this.restart();
  }

  async restart(): Promise<void> {
    this.#worker = await this.#product.worker();
  }

  pids(): readonly number[] {
    return this.#worker === null ? [] : [this.#worker.pid];
  }

  backlog(events: readonly BenchEvent[]): Promise<void> {
    return storeAtOnce(this.context.servers.databaseUrl, events);
  }

  idle(): Promise<void> {
    return untilIdle(this.context.servers, [this.context.tenant]);
  }

  steady(load: SteadyLoad): Promise<void> {
    return commitOnSchedule(this.context.servers.databaseUrl, load, ({ key, payload }) => ({
      text: 'select outbox.enqueue(tenant => $1, topic => $2, type => $3, payload => $4::jsonb, key => $5)',
      values: [load.tenant, load.topic, 'order.created', payload, key],
    }));
  }

  async kill(): Promise<void> {
    this.#worker?.signal('SIGKILL');
    await this.#worker?.ended;
  }

  async clear(): Promise<void> {
    await this.stop();
  }

  async stop(): Promise<void> {
    await this.#worker?.stop();
    this.#worker = null;
  }
}
