import { Pool } from 'pg';
import type { Acknowledged } from '../../src/audit/acknowledged';
import { withoutUnheardErrors } from '../../src/postgres/pool';
import { acknowledge } from './drafts';
import type { Draft } from './drafts';
import { writeInTransaction } from './writers';

/** Enqueues drafts in one SQL transaction, as an application would; resolves with what its log would say. */
export async function enqueueAll(databaseUrl: string, drafts: readonly Draft[]): Promise<Acknowledged[]> {
  const pool = withoutUnheardErrors(new Pool({ connectionString: databaseUrl, max: 1 }));
  try {
    const outcome = await writeInTransaction(pool, drafts, { commit: true, holdMs: 0 });
    if (outcome.kind !== 'accepted') throw new Error(`enqueueing failed: ${JSON.stringify(outcome)}`);
    return drafts.map((draft, index) =>
      acknowledge(draft, { id: outcome.ids[index] ?? null, order: null, source: 'sql' }),
    );
  } finally {
    await pool.end();
  }
}
