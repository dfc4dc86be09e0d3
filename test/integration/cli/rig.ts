import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'pg';
import { Rig } from '../../../faults/harness/rig';
import type { LaunchOptions } from '../../../faults/harness/rig';
import { ADMIN_KEY } from '../../../faults/harness/service-process';
import { createTopics, sharedServers } from '../../support/fault-run';
import { RunningOutboxctl, runOutboxctl } from './run-outboxctl';
import type { Outcome } from './run-outboxctl';

/** The command line beside an api and a worker as in production, on an installation of their own. */
export interface CliRig {
  readonly rig: Rig;
  readonly topic: string;
  /** Environment of the command line. */
  readonly env: NodeJS.ProcessEnv;
  run(...args: string[]): Promise<Outcome>;
  /** Runs with --json, requires exit code 0 and returns the document. */
  json(...args: string[]): Promise<Record<string, unknown>>;
  start(...args: string[]): RunningOutboxctl;
  /** Enqueues by SQL in one transaction; returns the ids. */
  enqueue(tenant: string, count: number, options?: { key?: string; topic?: string; bytes?: number }): Promise<string[]>;
  untilStatus(tenant: string, status: string, count: number): Promise<void>;
  close(): Promise<void>;
}

export async function startCliRig(
  name: string,
  options: LaunchOptions & { readonly limits?: Readonly<Record<string, number>>; readonly worker?: boolean } = {},
): Promise<CliRig> {
  const rig = await Rig.start({ name, servers: sharedServers() });
  const topic = `${rig.options.name}-orders`;
  const small = `${rig.options.name}-small`;
  await createTopics(rig.direct.kafkaBrokers, [topic, small], { [small]: 2_000 });
  const api = await rig.api(options);
  if (options.worker !== false) await rig.worker(options);
  const pool = new Pool({ connectionString: rig.direct.databaseUrl, max: 1 });
  const env = { OUTBOX_ADMIN_URL: api.adminUrl, OUTBOX_ADMIN_KEY: ADMIN_KEY };
  return {
    rig,
    topic,
    env,
    run: (...args) => runOutboxctl(args, env),
    async json(...args) {
      const { code, out, err } = await runOutboxctl([...args, '--json'], env);
      if (code !== 0) throw new Error(`outboxctl ${args.join(' ')} exited ${code}: ${err}${out}`);
      return JSON.parse(out) as Record<string, unknown>;
    },
    start: (...args) => new RunningOutboxctl(args, env),
    async enqueue(tenant, count, { key, topic: to = topic, bytes = 10 } = {}) {
      const { rows } = await pool.query<{ id: string }>(
        `select outbox.enqueue(tenant => $1, topic => $2, type => 'order.created', key => $3,
           payload => jsonb_build_object('n', n, 'text', repeat('x', $4)))::text as id from generate_series(1, $5) n`,
        [tenant, to, key ?? null, bytes, count],
      );
      return rows.map((row) => row.id);
    },
    async untilStatus(tenant, status, count) {
      const deadline = Date.now() + 60_000;
      for (;;) {
        const { rows } = await pool.query<{ n: number }>(
          'select count(*)::int as n from outbox.events where tenant_id = $1 and status = $2',
          [tenant, status],
        );
        if (rows[0]?.n === count) return;
        if (Date.now() > deadline) throw new Error(`${rows[0]?.n} of ${count} are ${status}\n${await rig.describe()}`);
        await delay(50);
      }
    },
    async close() {
      await pool.end();
      await rig.close();
    },
  };
}

/** The topic of the rig that takes no message above 2,000 bytes. */
export function smallTopic({ rig }: CliRig): string {
  return `${rig.options.name}-small`;
}
