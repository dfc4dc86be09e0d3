import { join } from 'node:path';
import { Helper } from '../../harness/helper';
import type { BenchEvent } from '../../load/events';
import { commitOnSchedule } from '../harness/steady-load';
import type { SteadyLoad } from '../harness/steady-load';
import { insertRows, runSql } from '../harness/table';
import type { Peer, PeerContext } from '../peer';
import type { NaivePollerCalls } from './poller';

const SCHEMA = `
create schema if not exists naive;
create table if not exists naive.outbox (
  id bigint generated always as identity primary key,
  topic text not null, key text not null, tenant text not null, type text not null, payload bytea not null,
  created_at timestamptz not null default now(), sent_at timestamptz);
create index if not exists outbox_unsent on naive.outbox (id) where sent_at is null;`;

/** SELECT … FOR UPDATE SKIP LOCKED, send, UPDATE, COMMIT. */
export class NaivePoller implements Peer {
  readonly about =
    '500 rows per transaction in order of id, polled every 100 ms when there are none, kafkajs with its defaults; partial index on unsent rows';
  #process: Helper<NaivePollerCalls> | null = null;

  constructor(private readonly context: PeerContext) {}

  async start(): Promise<void> {
    await runSql(this.context.servers.databaseUrl, SCHEMA);
    await this.restart();
  }

  async restart(): Promise<void> {
    this.#process = new Helper<NaivePollerCalls>('naive poller', join(__dirname, 'poller.js'));
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
        text: `insert into naive.outbox (topic, key, tenant, type, payload)
               select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[])`,
        values: [
          chunk.map((event) => event.topic),
          chunk.map((event) => `${event.tenant}:${event.key}`),
          chunk.map((event) => event.tenant),
          chunk.map((event) => event.type),
          chunk.map((event) => event.payload),
        ],
      }),
      { atOnce: true },
    );
  }

  idle(): Promise<void> {
    return Promise.resolve();
  }

  steady(load: SteadyLoad): Promise<void> {
    return commitOnSchedule(this.context.servers.databaseUrl, load, ({ key, payload }) => ({
      text: 'insert into naive.outbox (topic, key, tenant, type, payload) values ($1, $2, $3, $4, $5)',
      values: [load.topic, `${load.tenant}:${key}`, load.tenant, 'order.created', Buffer.from(payload)],
    }));
  }

  async kill(): Promise<void> {
    await this.#process?.stop();
    this.#process = null;
  }

  async clear(): Promise<void> {
    await this.kill();
    await runSql(this.context.servers.databaseUrl, 'truncate naive.outbox');
  }

  stop(): Promise<void> {
    return this.kill();
  }
}
