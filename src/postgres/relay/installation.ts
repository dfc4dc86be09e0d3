import { OutboxError } from '../../domain/errors';
import type { Db } from '../query';
import { query } from '../query';

/** The key that seals the ledger's records, and N, how many relays there are. */
export async function readLedgerKey(db: Db): Promise<{ readonly key: Buffer; readonly relays: number }> {
  const [row] = await query<{ key: string; relays: number }>(
    db,
    `select encode(ledger_key, 'hex') as key, relays::int from outbox.installation`,
  );
  if (row === undefined) {
    throw new OutboxError(
      'SCHEMA_MISMATCH',
      'outbox.installation is empty. Restore its row from a backup of this database.',
    );
  }
  return { key: Buffer.from(row.key, 'hex'), relays: row.relays };
}
