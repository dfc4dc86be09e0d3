import { Client } from 'pg';
import { enqueue } from '../../src/client';
import { now } from '../harness/clock';
import { serve } from '../harness/serve';
import { makeEvents } from '../load/events';

const WRITERS = 16;

export type WriterCalls = ReturnType<typeof writerCalls>;

/** Events that each writer takes turns with; their dedupe keys are left out, so that each enqueue is a new event. */
const TEMPLATES = 200;

/** Concurrent writers, each with a connection of its own, each event a transaction of its own through the library. */

export function writerCalls() {
  let clients: Client[] = [];

  const write = async (client: Client, from: number, events: ReturnType<typeof makeEvents>, end: number) => {
    let written = 0;
    while (now() < end) {
      const event = events[(from + written) % events.length];
      if (event === undefined) throw new Error('no events to write');
      await enqueue(client, { ...event, dedupeKey: null });
      written += 1;
    }
    return written;
  };

  return {
    async connect(input: { databaseUrl: string }): Promise<void> {
      clients = Array.from(
        { length: WRITERS },
        () => new Client({ connectionString: input.databaseUrl, application_name: 'bench writer' }),
      );
      await Promise.all(clients.map((client) => client.connect()));
    },

    /** Writes as fast as the answers come, for `ms`; resolves with the transactions per second. */
    async write(input: { ms: number; seed: number; tenants: string[]; topic: string }): Promise<number> {
      const events = makeEvents({ ...input, count: TEMPLATES, round: 'wake' });
      const start = now();
      const counts = await Promise.all(
        clients.map((client, index) => write(client, index * 13, events, start + input.ms)),
      );
      return (counts.reduce((sum, count) => sum + count, 0) / (now() - start)) * 1_000;
    },
  };
}

serve(writerCalls());
