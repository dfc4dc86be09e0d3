import { Client } from 'pg';
import { setTimeout as delay } from 'node:timers/promises';
import { benchKafka } from '../../harness/kafka';
import { serve } from '../../harness/serve';

export type NaivePollerCalls = ReturnType<typeof naivePollerCalls>;

export const BATCH_ROWS = 500;
export const POLL_MS = 100;

interface Row {
  readonly id: string;
  readonly topic: string;
  readonly key: string;
  readonly tenant: string;
  readonly type: string;
  readonly payload: Buffer;
}

/** The outbox of many a blog post: lock rows, send them, mark them, all within one transaction of the database. */

export function naivePollerCalls() {
  return {
    async run(input: { databaseUrl: string; brokers: string }): Promise<void> {
      const client = new Client({ connectionString: input.databaseUrl, application_name: 'naive poller' });
      await client.connect();
      const producer = benchKafka(input.brokers).producer();
      await producer.connect();
      const publishSome = async (): Promise<number> => {
        await client.query('begin');
        const { rows } = await client.query<Row>(
          `select id, topic, key, tenant, type, payload from naive.outbox
           where sent_at is null order by id limit ${BATCH_ROWS} for update skip locked`,
        );
        for (const topic of new Set(rows.map((row) => row.topic))) {
          await producer.send({ topic, messages: rows.filter((row) => row.topic === topic).map(asMessage) });
        }
        await client.query('update naive.outbox set sent_at = now() where id = any ($1::bigint[])', [
          rows.map((row) => row.id),
        ]);
        await client.query('commit');
        return rows.length;
      };
      const loop = async (): Promise<void> => {
        for (;;) if ((await publishSome()) === 0) await delay(POLL_MS);
      };
      // It ends with its process, unless it fails; then the process ends, and whoever waits for events learns it.
      void loop().catch((error: unknown) => {
        process.stderr.write(`naive poller: ${String(error)}\n`);
        process.exit(1);
      });
    },
  };
}

function asMessage({ id, key, tenant, type, payload }: Row): {
  key: string;
  value: Buffer;
  headers: Record<string, string>;
} {
  const headers = { 'event-id': id, 'event-type': type, 'tenant-id': tenant, 'content-type': 'application/json' };
  return { key, value: payload, headers };
}

serve(naivePollerCalls());
