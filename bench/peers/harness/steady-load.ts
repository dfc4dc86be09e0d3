import { Pool } from 'pg';
import { Random } from '../../../faults/traffic/random';
import { now, until } from '../../harness/clock';
import { PAYLOAD_BYTES } from '../../load/events';

/** An open loop: event n is due n / perSecond after the start, whatever became of the ones before. */
export interface SteadyLoad {
  readonly topic: string;
  readonly tenant: string;
  /** Number of the first event: the consumer tells events apart by their numbers. */
  readonly from: number;
  readonly count: number;
  readonly perSecond: number;
  readonly seed: number;
}

export interface SteadyEvent {
  readonly order: number;
  /** Moment of `now()` at which its transaction should commit; its payload names it too. */
  readonly due: number;
  readonly key: string;
  readonly payload: string;
}

/** Enough that a commit held up does not hold up the next ones. */
const CONNECTIONS = 16;

/** Calls `take` with each event when it is due; does not wait for what `take` starts. */
export async function onSchedule(load: SteadyLoad, take: (event: SteadyEvent) => void): Promise<void> {
  const random = new Random(load.seed);
  const start = now() + 50;
  for (let nth = 0; nth < load.count; nth += 1) {
    const order = load.from + nth;
    const due = start + (nth * 1_000) / load.perSecond;
    const head = `{"order":${order},"due":${due},"text":"`;
    const payload = `${head}${'x'.repeat(PAYLOAD_BYTES - head.length - 2)}"}`;
    await until(due);
    take({ order, due, key: `order-${random.int(1, 1_000)}`, payload });
  }
}

/** Commits each event as a statement, so a transaction, of its own. */
export async function commitOnSchedule(
  databaseUrl: string,
  load: SteadyLoad,
  statement: (event: SteadyEvent) => { readonly text: string; readonly values: unknown[] },
): Promise<void> {
  const pool = new Pool({ connectionString: databaseUrl, max: CONNECTIONS, application_name: 'bench' });
  try {
    const commits: Promise<unknown>[] = [];
    await onSchedule(load, (event) => {
      const { text, values } = statement(event);
      commits.push(pool.query(text, values));
    });
    await Promise.all(commits);
  } finally {
    await pool.end();
  }
}
