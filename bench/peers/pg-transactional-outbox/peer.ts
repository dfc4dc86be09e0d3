import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Helper } from '../../harness/helper';
import type { BenchEvent } from '../../load/events';
import { commitOnSchedule } from '../harness/steady-load';
import type { SteadyLoad } from '../harness/steady-load';
import { insertRows, runSql } from '../harness/table';
import type { Peer, PeerContext } from '../peer';
import type { ListenerCalls } from './listener';
import { BATCH_MESSAGES, LOCK_MS, POLL_MS, setupSql } from './settings';

const COLUMNS = 'id, aggregate_type, aggregate_id, message_type, segment, payload, metadata';

/** npm's pg-transactional-outbox, polling. Its segments are the ordering keys, so its order is that of the others. */
export class PgTransactionalOutbox implements Peer {
  readonly about = `polling listener with the library's own tables and indexes, ${BATCH_MESSAGES} messages per poll, every ${POLL_MS} ms, locked for ${LOCK_MS / 1_000} s, segment = ordering key, both protections off as its README has it for an outbox; its handler sends each message by kafkajs with its defaults`;
  #process: Helper<ListenerCalls> | null = null;

  constructor(private readonly context: PeerContext) {}

  async start(): Promise<void> {
    const { databaseUrl } = this.context.servers;
    await runSql(databaseUrl, setupSql(databaseUrl));
    await this.restart();
  }

  async restart(): Promise<void> {
    this.#process = new Helper<ListenerCalls>('pg-transactional-outbox', join(__dirname, 'listener.js'));
    const { databaseUrl, kafkaBrokers } = this.context.servers;
    await this.#process.call('run', { databaseUrl, brokers: kafkaBrokers });
  }

  pids(): readonly number[] {
    return this.#process === null ? [] : [this.#process.pid];
  }

  async backlog(events: readonly BenchEvent[]): Promise<void> {
    await insertRows(
      this.context.servers.databaseUrl,
      events,
      (chunk) => ({
        text: `insert into pgtx.outbox (${COLUMNS}) select u.*
               from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::jsonb[]) as u`,
        values: [
          chunk.map(() => randomUUID()),
          chunk.map((event) => event.topic),
          chunk.map((event) => `${event.tenant}:${event.key}`),
          chunk.map((event) => event.type),
          chunk.map((event) => event.key),
          chunk.map((event) => String(event.payload)),
          chunk.map((event) => JSON.stringify({ tenant: event.tenant })),
        ],
      }),
      { atOnce: true },
    );
    // In use autovacuum has seen the table long ago; without statistics its polling query would be planned badly.
    await runSql(this.context.servers.databaseUrl, 'analyze pgtx.outbox');
  }

  idle(): Promise<void> {
    return Promise.resolve();
  }

  steady(load: SteadyLoad): Promise<void> {
    return commitOnSchedule(this.context.servers.databaseUrl, load, ({ key, payload }) => ({
      text: `insert into pgtx.outbox (${COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7)`,
      values: [
        randomUUID(),
        load.topic,
        `${load.tenant}:${key}`,
        'order.created',
        key,
        payload,
        JSON.stringify({ tenant: load.tenant }),
      ],
    }));
  }

  async kill(): Promise<void> {
    await this.#process?.stop();
    this.#process = null;
  }

  /** `start` creates the table anew. */
  clear(): Promise<void> {
    return this.kill();
  }

  stop(): Promise<void> {
    return this.kill();
  }
}
