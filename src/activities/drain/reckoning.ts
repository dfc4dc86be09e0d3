import type { Pool } from 'pg';
import type { DrainEnd, DrainOutcome, DrainRequest } from '../../domain/drain';
import { grantTotals } from '../../postgres/batches';
import type { DrainProgress } from './progress';

/**
 * What a grant recorded and published in all, with what earlier attempts did whose results were lost. A drain that met a failure asks
 * Postgres, which alone knows whether a record without an answer is there. One that was fenced does not: its successor may have recorded
 * its batch anew, and pays for that as if this one had paid.
 */
export async function reckoned(
  pool: Pool,
  { publisher, grantId, limited }: DrainRequest,
  { account, published, unsure }: Pick<DrainProgress, 'account' | 'published' | 'unsure'>,
  { firstAttempt, end }: { readonly firstAttempt: boolean; readonly end: DrainEnd },
): Promise<Pick<DrainOutcome, 'recorded' | 'recordedBytes' | 'published'>> {
  const { events, bytes } = firstAttempt || limited !== true ? account.total : account.mostTotal;
  const counted = { recorded: events, recordedBytes: bytes, published };
  const asks = unsure && end !== 'fenced';
  if (firstAttempt && !asks) return counted;
  try {
    const stored = await grantTotals(pool, publisher, grantId);
    const total = asks ? account.totalOf(stored) : account.total;
    const settled = firstAttempt ? published : Math.max(stored.settled, published);
    return { recorded: total.events, recordedBytes: total.bytes, published: settled };
  } catch {
    // A batch whose record has no answer counts as recorded, and so does a limited grant of which nobody could ask.
    return counted;
  }
}
