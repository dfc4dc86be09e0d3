import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { settlePlan } from './explain';
import { HOT, LOOKS, parseSnapshot, TENANTS, tenantName } from './table';
import type { Horizon } from './table';

const EVENTS_PER_TRANSACTION = 4;
const SLOW_MS = 400;

export async function connected(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  // The server's end is no news: what led to it is told by the query that failed.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Inserts at a steady rate from several connections, until `stop` is set. */
export class Writers {
  inserted = 0;
  stopped = false;

  async run(url: string, connections: number, eventsPerSecond: number): Promise<void> {
    const everyMs = (1_000 * EVENTS_PER_TRANSACTION * connections) / eventsPerSecond;
    await Promise.all(
      Array.from({ length: connections }, async () => {
        const client = await connected(url);
        // The rate is what matters here, not this machine's fsync.
        await client.query('set synchronous_commit = off');
        const payload = Buffer.alloc(200, 7);
        let due = performance.now();
        while (!this.stopped) {
          const tenants = Array.from({ length: EVENTS_PER_TRANSACTION }, () =>
            Math.random() < 0.5 ? HOT : tenantName(1 + Math.floor(Math.random() * (TENANTS - 1))),
          );
          await client.query({
            name: 'insert',
            text: `insert into spike.events (tenant_id, dedupe_key, payload)
                   select t, gen_random_uuid()::text, $2 from unnest($1::text[]) t`,
            values: [tenants, payload],
          });
          this.inserted += EVENTS_PER_TRANSACTION;
          due += everyMs;
          await delay(Math.max(0, due - performance.now()));
        }
        await client.end();
      }),
    );
  }
}

/** One relay without Kafka: looks every 5 ms, settles what it found at once, and looks again. */
export class LookingRelay {
  horizon: Horizon = { xmin: '3', xmax: '3', inProgress: [] };
  stopped = false;
  settled = 0;
  looks: number[] = [];
  settles: number[] = [];
  lists: number[] = [];
  /** Highest settled id of each tenant. */
  readonly cursors = new Map<string, string>();
  #told = false;
  /** Called once, with the plan of the first slow settle. */
  onSlow: (what: string) => void = () => undefined;
  onFound: (tenant: string, eventId: string) => void = () => undefined;

  constructor(
    readonly number: 1 | 2,
    private readonly settle: string,
  ) {}

  async run(url: string): Promise<void> {
    const client = await connected(url);
    await client.query('set synchronous_commit = off');
    while (!this.stopped) {
      const began = performance.now();
      const { rows } = await client.query<{ snapshot: string; tenant_id: string | null; event_id: string }>({
        name: 'look',
        text: LOOKS['attached by a join'],
        values: [this.horizon.xmax, this.horizon.inProgress, this.number],
      });
      this.looks.push(performance.now() - began);
      this.horizon = parseSnapshot(rows[0]?.snapshot ?? '');
      this.lists.push(this.horizon.inProgress.length);
      const found = rows.filter(({ tenant_id }) => tenant_id !== null);
      if (found.length > 0) {
        const settling = performance.now();
        await client.query({
          name: 'settle',
          text: this.settle,
          values: [found.map((row) => row.tenant_id), found.map((row) => row.event_id)],
        });
        const took = performance.now() - settling;
        this.settles.push(took);
        if (took > SLOW_MS && !this.#told) {
          this.#told = true;
          this.onSlow(`a settle of ${found.length} took ${took.toFixed(0)} ms: ${await settlePlan(client)}`);
        }
        this.settled += found.length;
        for (const { tenant_id, event_id } of found) {
          this.cursors.set(tenant_id ?? '', event_id);
          this.onFound(tenant_id ?? '', event_id);
        }
      }
      await delay(5);
    }
    await client.end();
  }

  /** What was measured since the last call. */
  take(): { looks: number[]; settles: number[]; lists: number[] } {
    const { looks, settles, lists } = this;
    this.looks = [];
    this.settles = [];
    this.lists = [];
    return { looks, settles, lists };
  }
}
